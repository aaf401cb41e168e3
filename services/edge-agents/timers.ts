/** Fires timers: when the instant of a TimerSet has come, TimerFired takes its place in the compacted topic. */
import type { Logger } from 'pino';
import TinyQueue from 'tinyqueue';
import type * as mesh from '../../schemas/generated.ts';
import { follow } from '../runtime/event.ts';
import type { AnyRecorded, Event, Log } from '../runtime/log.ts';
import type { RunningService } from '../runtime/service.ts';
import { MAX_TIMER_MS } from '../runtime/times.ts';

const RETRY_MS = 1_000;
const BATCH = 500;
const SLACK = 1_000;

interface Waiting {
  key: string;
  at: number;
  partition: number;
  set: AnyRecorded<'TimerSet'>;
  timer: mesh.TimerSet;
}

/** Fires the timers of the partitions that are this instance's. Fired by two instances, a timer's event is the same one. */
export const startTimers = async (log: Log, logger: Logger, now: () => number): Promise<RunningService> => {
  const waiting = new Map<string, Waiting>();
  const sooner = (a: Waiting, b: Waiting) => a.at - b.at;
  let queue = new TinyQueue<Waiting>([], sooner);
  let alarm: NodeJS.Timeout | undefined;
  let stopped = false;

  const fired = ({ set, timer }: Waiting): Event<'TimerFired'> => {
    const { timerId, taskId, agent, purpose } = timer;
    return follow('edge-agents', set, 'fired', 'TimerFired', { timerId, taskId, agent, purpose }, now());
  };

  const due = (): Waiting[] => {
    const all: Waiting[] = [];
    for (let next = queue.peek(); next && next.at <= now() && all.length < BATCH; next = queue.peek()) {
      queue.pop();
      // Set anew, cleared, or another instance's: then it is another one, or none, that waits under this key.
      if (waiting.get(next.key) === next) all.push(next);
    }
    return all;
  };

  const ring = async () => {
    const all = due();
    try {
      if (all.length > 0) await log.append(all.map(fired));
      for (const one of all) if (waiting.get(one.key) === one) waiting.delete(one.key);
      schedule();
    } catch (error) {
      logger.warn({ err: error, timers: all.length }, 'timers could not be fired, trying again');
      for (const one of all) queue.push(one);
      schedule(RETRY_MS);
    }
  };
  const schedule = (atLeastMs = 0) => {
    clearTimeout(alarm);
    const next = queue.peek();
    if (!next || stopped) return;
    alarm = setTimeout(() => void ring(), Math.min(Math.max(next.at - now(), atLeastMs), MAX_TIMER_MS));
  };

  const see = (record: AnyRecorded) => {
    if (record.type !== 'TimerSet') {
      waiting.delete(record.key);
      return;
    }
    const { partition, key } = record;
    const one: Waiting = { key, at: record.data.at, partition, set: record, timer: record.data };
    waiting.set(key, one);
    queue.push(one);
    // What was cleared stays in the queue until its instant, and most deadlines are cleared long before.
    if (queue.length > 2 * waiting.size + SLACK) queue = new TinyQueue([...waiting.values()], sooner);
  };
  const forget = (partitions: readonly number[]) => {
    for (const { key, partition } of waiting.values()) if (partitions.includes(partition)) waiting.delete(key);
  };
  const seeReadable = (record: AnyRecorded) => {
    try {
      see(record);
    } catch (error) {
      logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a timer was passed over');
    }
  };
  const types = ['TimerSet', 'TimerFired', 'TimerCleared'] as const;

  const consumer = await log.consume('edge-agents-timers', ['mesh.timers'], {
    types,
    assigned: async (assigned) => {
      const partitions = assigned.map(({ partition }) => partition);
      forget(partitions);
      const tail = await log.tail(['mesh.timers'], seeReadable, { from: 'beginning', partitions, types });
      await tail.caughtUp;
      await tail.close();
      schedule();
    },
    revoked: forget,
    handle: async (record) => {
      seeReadable(record);
      schedule();
    },
  });
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(alarm);
      await consumer.close();
    },
  };
};
