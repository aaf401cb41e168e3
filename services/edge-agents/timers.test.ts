import pino from 'pino';
import { expect, test, vi } from 'vitest';
import { newId } from '../runtime/event.ts';
import type { AnyRecorded, Event } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { startTimers } from './timers.ts';

/** When to give up; Vitest does after a second. */
const patient = { timeout: 10_000 };

const logger = pino({ level: 'silent' });

const timer = { timerId: 't4', taskId: 'task', agent: 'planner', purpose: 'SLEEP' as const };
const event = <T extends 'TimerSet' | 'TimerCleared'>(type: T, data: Event<T>['data']): Event<T> => ({
  id: newId(),
  type,
  source: 'task-state',
  key: 'c1/task.t4',
  time: Date.now(),
  correlationId: 'r1',
  causationId: '',
  traceparent: '',
  data,
});

const mesh = async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const fired: AnyRecorded[] = [];
  await log.tail(['mesh.timers'], (record) => fired.push(record), { from: 'beginning', types: ['TimerFired'] });
  return { cluster, log, fired };
};

test('a timer fires when its instant has come, and no other', async () => {
  const { log, fired } = await mesh();
  let clock = 1_000;
  const timers = await startTimers(log, logger, () => clock);
  await log.append([event('TimerSet', { ...timer, at: 1_200 })]);
  await log.append([{ ...event('TimerSet', { ...timer, timerId: 'later', at: 999_999_999 }), key: 'c1/task.later' }]);
  clock = 1_200;
  await vi.waitFor(
    () => expect(fired).toMatchObject([{ key: 'c1/task.t4', correlationId: 'r1', data: timer }]),
    patient,
  );
  await timers.stop();
  expect(fired).toHaveLength(1);
});

test('a timer that is cleared, or set anew, does not fire as it was', async () => {
  const { log, fired } = await mesh();
  let clock = 1_000;
  const timers = await startTimers(log, logger, () => clock);
  await log.append([event('TimerSet', { ...timer, at: 1_100 }), event('TimerCleared', timer)]);
  await log.append([{ ...event('TimerSet', { ...timer, timerId: 'next', at: 1_150 }), key: 'c1/task.next' }]);
  clock = 1_200;
  await vi.waitFor(() => expect(fired.map(({ key }) => key)).toEqual(['c1/task.next']), patient);
  await timers.stop();
});

test('a timer outlives the process that would have fired it, and fires once by its id', async () => {
  const { cluster, log, fired } = await mesh();
  const dying = await createMemoryLog(cluster);
  await startTimers(dying, logger, () => 1_000);
  await log.append([event('TimerSet', { ...timer, at: 5_000 })]);
  await dying.crash();
  const timers = await startTimers(log, logger, () => 5_000);
  await vi.waitFor(() => expect(fired).toHaveLength(1), patient);
  await timers.stop();
  const again = await startTimers(await createMemoryLog(cluster), logger, () => 6_000);
  await again.stop();
  expect(new Set(fired.map(({ id }) => id)).size).toBe(1);
});
