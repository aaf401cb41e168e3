/** What this edge said before about dispatches that it may be handed again. */
import type * as mesh from '../../../schemas/generated.ts';
import type { AnyRecorded, AssignedPartition, Log, Recorded } from '../../runtime/log.ts';
import { RecentIds } from '../../runtime/recent-ids.ts';

/** A dispatch that was begun, and of whose end nothing is said. */
export interface Unfinished {
  /** As they came; only so many as metering needs. */
  chunks: Recorded<'ResponseChunk'>[];
  keptBytes: number;
  count: number;
  /** How it ended, where that alone was still said: an attempt that was not to be repeated. */
  failure: mesh.Failure | null;
}

/** Of one partition. */
export interface Said {
  finished: RecentIds;
  unfinished: Map<string, Unfinished>;
}

/** An instance may have said something with a clock that runs behind that of the broker. */
const MARGIN_MS = 60_000;
const MAX_KEPT_BYTES = 1024 * 1024;

const types = ['AttemptBegun', 'AttemptFailed', 'ResponseChunk', 'ResponseCompleted', 'ResponseFailed'] as const;
type Type = (typeof types)[number];

export const nothingSaid = (): Said => ({ finished: new RecentIds(), unfinished: new Map() });

const finish = ({ finished, unfinished }: Said, id: string) => {
  finished.add(id);
  unfinished.delete(id);
};

const begun = ({ unfinished }: Said, id: string): Unfinished => {
  const known = unfinished.get(id) ?? { chunks: [], keptBytes: 0, count: 0, failure: null };
  unfinished.set(id, known);
  return known;
};

/** Adds one event, stated after those added before. */
export const addSaid = (said: Said, event: AnyRecorded<Type>): void => {
  const dispatch = event.causationId;
  if (said.finished.has(dispatch)) return;
  switch (event.type) {
    case 'ResponseCompleted':
    case 'ResponseFailed':
      finish(said, dispatch);
      return;
    case 'AttemptBegun':
      begun(said, dispatch);
      return;
    case 'ResponseChunk': {
      const open = begun(said, dispatch);
      open.count += 1;
      open.keptBytes += event.value.length;
      if (open.keptBytes <= MAX_KEPT_BYTES) open.chunks.push(event);
      return;
    }
    case 'AttemptFailed':
      // Routing decides what follows; otherwise the end itself is missing, and how it ended is known.
      if (event.data.retryable) finish(said, dispatch);
      else begun(said, dispatch).failure = event.data.failure;
  }
};

/**
 * Reads back what was said since the first dispatch that may be handed over again.
 * @param unreadable told of a record that is not what it says; it is passed over.
 */
export const recall = async (
  log: Log,
  assigned: readonly AssignedPartition[],
  unreadable: (record: AnyRecorded, error: unknown) => void,
): Promise<Map<number, Said>> => {
  const said = new Map(assigned.map(({ partition }) => [partition, nothingSaid()]));
  if (assigned.length === 0) return said;
  const time = Math.max(0, Math.min(...assigned.map(({ since }) => since)) - MARGIN_MS);
  const tail = await log.tail(
    ['mesh.responses', 'mesh.attempts'],
    (record) => {
      const of = said.get(record.partition);
      try {
        if (of) addSaid(of, record as AnyRecorded<Type>);
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
