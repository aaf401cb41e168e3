import type { EventType, TopicName } from '../../../topics/index.ts';
import type { AnyRecorded, TailOptions } from '../log.ts';
import { typeOf } from '../recorded.ts';
import { type MemoryCluster, partitionsOf, type Stored } from './cluster.ts';

/** @see Log.tail */
export const startTail = async (
  cluster: MemoryCluster,
  names: readonly TopicName[],
  see: (record: AnyRecorded) => void,
  options: TailOptions,
  read: (stored: Stored) => AnyRecorded,
  tails: Set<() => void>,
) => {
  const start = (records: Stored[]): number => {
    if (options.from === 'beginning') return 0;
    if (options.from === 'end') return records.length;
    const { time, atLeastLast = 0 } = options.from;
    const first = records.findIndex((r) => r.time >= time);
    return Math.max(0, Math.min(first < 0 ? records.length : first, records.length - atLeastLast));
  };
  const positions = names.flatMap((topic) =>
    partitionsOf(topic)
      .filter((p) => options.partitions?.includes(p) ?? true)
      .map((partition) => {
        const records = cluster.records(topic, partition);
        return { records, next: start(records), end: records.length };
      }),
  );
  const total = positions.reduce((sum, p) => sum + p.end - p.next, 0);
  let seen = 0;
  let caughtUp = () => {};
  const caught = new Promise<void>((resolve) => {
    caughtUp = resolve;
  });
  let open = true;
  const pump = () => {
    for (const position of positions)
      while (open && position.next < position.records.length) {
        const stored = position.records[position.next++]!;
        if (!options.types || options.types.includes(typeOf(stored.headers) as EventType)) see(read(stored));
        seen += 1;
        options.progress?.(seen, Math.max(seen, total));
      }
    if (positions.every((p) => p.next >= p.end)) caughtUp();
  };
  let scheduled = false;
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  };
  const unwatch = cluster.watch(schedule);
  const stop = () => {
    open = false;
    unwatch();
  };
  tails.add(stop);
  schedule();
  return {
    caughtUp: caught,
    close: async () => {
      tails.delete(stop);
      stop();
    },
  };
};
