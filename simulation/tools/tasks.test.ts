/** Tasks of MCP in the simulation: all that may become of one is seen, and each promise is seen to be broken by a broken mesh. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { AnyRecorded, Log } from '../../services/runtime/log.ts';
import { writeOutcome } from '../../services/runtime/mcp/message.ts';
import { askingTools, withData, withLog } from '../broken.ts';
import { type Parts, wholeMesh } from '../process.ts';
import { simulate } from '../simulate.ts';
import { serverOffers } from './offers.ts';

const TIMEOUT_MS = 300_000;
const servers = () => serverOffers;
const task = { looks: 3, cancelAfterMs: 0 };

describe('in some dozens of seeds of tasks', () => {
  const statuses = new Set<string>();
  let givenUnderKeys = 0;
  let cancelled = 0;
  let elsewhere = 0;

  beforeAll(async () => {
    const toolAsks = askingTools(
      { takesMs: 1_500, task },
      { takesMs: 3_000, task: { ...task, cancelAfterMs: 1_200 }, at: 2_600 },
      { takesMs: 1_000, task, key: 'k', wantsProgress: true, at: 2_700 },
    );
    for (let seed = 1; seed <= 40; seed++) {
      const { mcpTasks: tasks } = await simulate(seed, { servers, toolAsks, taskAsks: () => [] });
      givenUnderKeys += tasks.given.filter(({ ask }) => ask.key !== '').length;
      cancelled += tasks.cancelled.length;
      for (const { result } of tasks.told) if (result) statuses.add(result.status ?? '');
      for (const { taskId } of tasks.given)
        if (new Set(tasks.told.filter((one) => one.task.taskId === taskId).map(({ by }) => by.name)).size > 1)
          elsewhere += 1;
    }
  }, TIMEOUT_MS);

  test('they go on, complete, fail and are cancelled, and are asked for at several processes', () => {
    expect([...statuses].sort()).toEqual(['cancelled', 'completed', 'failed', 'working']);
    for (const count of [givenUnderKeys, cancelled, elsewhere]) expect(count).toBeGreaterThan(10);
  });
});

const nothingReadBack = withLog('tools inbound', (log) => ({
  tail: (topics, see, options) => log.tail(topics, options.partitions ? () => {} : see, options),
}));

const another = writeOutcome({ result: { content: [{ type: 'text', text: 'something else' }] } });
const misread = (record: AnyRecorded): AnyRecorded =>
  record.type === 'ResponseCompleted' ? withData(record, { ...record.data, message: another }) : record;

/** @param when whether that is so of what is read back, or of what is heard. */
const misreading = (when: (isReadBack: boolean) => boolean): Parts =>
  withLog('tools inbound', (log) => ({
    tail: (topics, see, options) =>
      log.tail(topics, (record) => see(when(options.partitions !== undefined) ? misread(record) : record), options),
  }));

/** What was cancelled is made once more, as if another had asked for it. */
const madeAgain = (log: Log): Partial<Log> => {
  const made = new Map<string, () => Promise<void>>();
  return {
    append: async (events, signal) => {
      const offsets = await log.append(events, signal);
      for (const { type, data, causationId } of events)
        if (type === 'ResponseFailed' && (data as { failure: { reason: string } }).failure.reason === 'CANCELLED')
          void made
            .get(causationId)?.()
            .catch(() => {});
      return offsets;
    },
    consume: (group, topics, consumer) =>
      log.consume(group, topics, {
        ...consumer,
        handle: (record) => {
          if (record.type === 'RequestDispatched' && !made.has(record.id)) {
            const request = { ...record.data.request, id: `${record.data.request.id} again` };
            const again = withData(record, { ...record.data, request });
            Object.defineProperty(again, 'id', { value: `${record.id} again` });
            // Else it is passed over, as its request has its end.
            Object.defineProperty(again, 'correlationId', { value: request.id });
            made.set(record.id, () => consumer.handle(again));
          }
          return consumer.handle(record);
        },
      }),
  };
};

test.each<{ how: string; parts: Parts; found: string }>([
  {
    how: 'each process seals with a key of its own',
    parts: { ...wholeMesh, keyOf: (name) => name },
    found: 'tasks kept',
  },
  { how: 'what was said before is not read back', parts: nothingReadBack, found: 'tasks forward' },
  {
    how: 'what is read back is not what was heard',
    parts: misreading((isReadBack) => isReadBack),
    found: 'tasks forward',
  },
  { how: 'what is heard is not what was said', parts: misreading(() => true), found: 'tasks end as logged' },
  {
    how: 'what was cancelled is made again',
    parts: withLog('tools outbound', madeAgain),
    found: 'cancelled not begun',
  },
])(
  '$how: $found',
  async ({ parts, found }) => {
    const cancelled = { ...task, cancelAfterMs: 700 };
    const toolAsks = askingTools({ takesMs: 1_500, task }, { takesMs: 3_000, task: cancelled });
    for (let seed = 1; seed <= 60; seed++) {
      const { violations } = await simulate(seed, { parts, faults: [], servers, toolAsks, taskAsks: () => [] });
      if (violations.some(({ invariant }) => invariant === found)) return;
    }
    expect.fail('nothing was found in 60 seeds');
  },
  TIMEOUT_MS,
);
