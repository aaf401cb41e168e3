import { expect, onTestFinished, test } from 'vitest';
import type { EventDeadLettered } from '../../schemas/generated.ts';
import { contextForTests } from './context-for-tests.ts';
import { burying } from './dead-letter.ts';
import { RuntimeError, type RuntimeErrorCode } from './errors.ts';
import { happened } from './given.ts';
import type { AnyRecorded, Event } from './log.ts';
import { createMemoryLog } from './memory-log.ts';

const record = happened(
  'CancelRequested',
  { reason: 'CLIENT_GONE' },
  {
    partition: 3,
    raw: { key: Buffer.from('k'), value: Buffer.from('as it came'), headers: {} },
  },
);

/** Buries the record in a log that refuses events of which `refuses` says why. */
const buried = async (refuses: (event: Event<'EventDeadLettered'>) => RuntimeErrorCode | undefined) => {
  const log = await createMemoryLog();
  onTestFinished(() => log.close());
  const context = contextForTests(log);
  const bury = burying('audit', context, async (events) => {
    const code = refuses(events[0] as Event<'EventDeadLettered'>);
    if (code) throw new RuntimeError(code, 'refused');
    await log.append(events);
  });
  const outcome = await bury(record, new Error('cannot be')).catch((error: unknown) => error);
  const { values } = await context.metrics.deadLetters.get();
  const letters: EventDeadLettered[] = [];
  const see = ({ data }: AnyRecorded) => void letters.push(data as EventDeadLettered);
  const tail = await log.tail(['mesh.dead-letters'], see, { from: 'beginning' });
  await tail.caughtUp;
  return { outcome, letters, counted: values };
};

test('a dead letter holds its record whole, and is counted', async () => {
  const { letters, counted } = await buried(() => undefined);
  expect(letters).toMatchObject([
    { service: 'audit', reason: 'cannot be', topic: 'mesh.cancellations', partition: 3, recordValue: record.raw.value },
  ]);
  expect(counted).toMatchObject([{ value: 1, labels: { service: 'audit', topic: 'mesh.cancellations' } }]);
});

test('a record that does not fit in a dead letter is named in one all the same', async () => {
  const { letters, counted } = await buried(({ data }) => (data.recordValue ? 'PARLEY_TOO_LARGE' : undefined));
  expect(letters).toMatchObject([
    { reason: 'cannot be', offset: record.offset, recordKey: record.raw.key, recordValue: null },
  ]);
  expect(counted).toMatchObject([{ value: 1 }]);
});

test('what the log cannot take now is neither cut nor counted', async () => {
  const { outcome, letters, counted } = await buried(({ data }) =>
    data.recordValue ? 'PARLEY_LOG_UNAVAILABLE' : undefined,
  );
  expect(outcome).toMatchObject({ code: 'PARLEY_LOG_UNAVAILABLE' });
  expect({ letters, counted }).toEqual({ letters: [], counted: [] });
});
