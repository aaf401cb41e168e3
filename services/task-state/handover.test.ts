/** A partition changes hands when a part of what was said is in the log: topics come again in any order, each in its own. */
import pino from 'pino';
import { expect, test } from 'vitest';
import { RuntimeError } from '../runtime/errors.ts';
import type { AnyRecorded, Consumer, Event, Log } from '../runtime/log.ts';
import { createMemoryLog } from '../runtime/memory-log.ts';
import { createMetrics } from '../runtime/metrics.ts';
import type { ServiceContext } from '../runtime/service.ts';
import { withoutExporter } from '../runtime/tracing.ts';
import { taskState } from './index.ts';
import { artifact, began, CONTEXT, configured, fired, reported, status } from './run-for-tests.ts';

const everything = async (log: Log, topic: 'mesh.reports' | 'mesh.timers' | 'mesh.task-updates' | 'mesh.responses') => {
  const seen: AnyRecorded[] = [];
  const tail = await log.tail([topic], (record) => void seen.push(record), { from: 'beginning' });
  await tail.caughtUp;
  await tail.close();
  return seen;
};

/** Task-state, handed what the test says. Nothing is committed: another one is handed all of it again. */
const instance = async (log: Log) => {
  let consumer!: Consumer;
  let isCutOff = false;
  const own: Log = {
    ...log,
    append: async (events, signal) => {
      if (isCutOff && events.some(({ type }) => type === 'TaskSnapshot'))
        throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'cut off');
      return log.append(events, signal);
    },
    consume: async (_, __, given) => {
      consumer = given;
      return { owns: () => true, close: async () => {} };
    },
  };
  await taskState.start({
    log: own,
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(),
    tracing: withoutExporter,
    now: Date.now,
  } as ServiceContext);
  await consumer.assigned([{ partition: log.partitionOf(CONTEXT), since: 0 }]);
  const handed = new Set<string>();
  return {
    /** Of what is said from now on, the kept part does not land. */
    cutOff: () => {
      isCutOff = true;
    },
    /** Hands over what is new on these topics, one topic after the other, until there is nothing. */
    hand: async (...topics: ('mesh.reports' | 'mesh.timers')[]) => {
      for (let wasNew = true; wasNew; ) {
        wasNew = false;
        for (const topic of topics)
          for (const record of await everything(log, topic)) {
            const place = `${topic} ${record.offset}`;
            if (handed.has(place) || !consumer.types.includes(record.type)) continue;
            handed.add(place);
            wasNew = true;
            await consumer.handle(record).catch((error: Error) => expect(error.message).toBe('cut off'));
          }
      }
    },
  };
};

const reportsFirst = ['mesh.reports', 'mesh.timers'] as const;
const timersFirst = ['mesh.timers', 'mesh.reports'] as const;

test.each([
  ['its deadline', 'the agent', fired('deadline.request'), reported(status('COMPLETED')), reportsFirst],
  ['its agent', 'the deadline', reported(artifact('a', ['x'])), fired('deadline.request'), timersFirst],
])('what was said in part of %s is said to the end, though %s comes first then', async (_, __, half, next, order) => {
  const log = await createMemoryLog();
  await log.append([configured(), began()]);
  const one = await instance(log);
  await one.hand(...order);
  one.cutOff();
  await log.append([half as Event]);
  await one.hand(...order);
  await log.append([next as Event]);
  const another = await instance(log);
  await another.hand(...order);

  const said = new Map<string, AnyRecorded>();
  for (const record of [
    ...(await everything(log, 'mesh.task-updates')),
    ...(await everything(log, 'mesh.responses')),
  ]) {
    expect(record.data).toEqual((said.get(record.id) ?? record).data);
    if (!said.has(record.id)) said.set(record.id, record);
  }
  const updates = [...said.values()].filter((record) => record.type === 'TaskUpdated');
  expect(updates.map(({ data }) => data.sequence)).toEqual(updates.map((__, i) => i + 1));
  expect(updates.at(-1)!.data.state).toBe('TASK_STATE_FAILED');
  expect([...said.values()].filter(({ type }) => type === 'ResponseCompleted')).toHaveLength(1);
});
