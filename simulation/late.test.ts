/** What an instance that was given up had sent, and what lands only after another has taken over. */
import { expect, test } from 'vitest';
import { ofTypes } from '../invariants/reading.ts';
import { reportOf } from './report.ts';
import { type Run, simulate } from './simulate.ts';

const WITHIN = 1_500;
const TIMEOUT_MS = 300_000;

/** Whether a request has two ends that differ: an answer, a failure, or that there was no target. */
const isEndedTwice = ({ evidence }: Run): boolean => {
  const ends = ofTypes(evidence.records, 'ResponseCompleted', 'ResponseFailed', 'RequestUnroutable');
  return [...Map.groupBy(ends, ({ correlationId }) => correlationId).values()].some(
    (of) => new Set(of.map(({ type }) => type)).size > 1,
  );
};

test(
  'of two ends of a request all count the first',
  async () => {
    for (let seed = 1; seed <= WITHIN; seed++) {
      const run = await simulate(seed, { faults: ['cut off'] });
      expect(run.violations.length === 0 ? '' : reportOf(run)).toBe('');
      if (isEndedTwice(run)) return;
    }
    expect.fail(`no request was ended twice in ${WITHIN} seeds`);
  },
  TIMEOUT_MS,
);
