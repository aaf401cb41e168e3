/** What an outbound edge said before about dispatches that it may be handed again. */
import type { EventType, ServiceName, TopicName } from '../../../topics/index.ts';
import { isEnd } from '../event.ts';
import type { AnyRecorded, AssignedPartition, Log } from '../log.ts';
import { RecentIds } from '../recent-ids.ts';
import { RECALL_MARGIN_MS } from '../times.ts';

/** Of one partition; by the ids of dispatches. */
export interface Said<Unfinished> {
  finished: RecentIds;
  /** Ids of requests of which the end is said. */
  ended: RecentIds;
  /** What is known of a dispatch that was begun, and of whose end nothing is said. */
  unfinished: Map<string, Unfinished>;
}

/** Which of what an edge says tells how far it came with a dispatch. */
export interface Recalling<Unfinished, T extends EventType = EventType> {
  topics: readonly TopicName[];
  types: readonly T[];
  /** Adds one event of the edge's own, stated after those added before. @throws where it can't be read. */
  add(said: Said<Unfinished>, event: AnyRecorded<T>): void;
}

export const nothingSaid = <Unfinished>(): Said<Unfinished> => ({
  finished: new RecentIds(),
  ended: new RecentIds(),
  unfinished: new Map(),
});

/** Notes that a dispatch is done with. */
export const finish = ({ finished, unfinished }: Said<unknown>, id: string): void => {
  finished.add(id);
  unfinished.delete(id);
};

/**
 * Reads back what was said since the first dispatch that may be handed over again.
 * @param name of the edge: only what it said itself is recalled.
 * @param unreadable told of a record that is not what it says; it is passed over.
 */
export const recall = async <Unfinished, T extends EventType>(
  name: ServiceName,
  log: Log,
  { topics, types, add }: Recalling<Unfinished, T>,
  assigned: readonly AssignedPartition[],
  unreadable: (record: AnyRecorded, error: unknown) => void,
): Promise<Map<number, Said<Unfinished>>> => {
  const said = new Map(assigned.map(({ partition }) => [partition, nothingSaid<Unfinished>()]));
  if (assigned.length === 0) return said;
  const time = Math.max(0, Math.min(...assigned.map(({ since }) => since)) - RECALL_MARGIN_MS);
  const tail = await log.tail(
    topics,
    (record) => {
      const of = record.source === name ? said.get(record.partition) : undefined;
      try {
        if (of && isEnd(record.type)) of.ended.add(record.correlationId);
        if (of) add(of, record as AnyRecorded<T>);
      } catch (error) {
        unreadable(record, error);
      }
    },
    { from: { time }, partitions: [...said.keys()], types },
  );
  await tail.caughtUp;
  await tail.close();
  return said;
};
