/** How evidence is read: an event counts once, where it is first, as every reader of the log has it. */
import type { EventType } from '../topics/index.ts';
import type { Invariant, LoggedRecord, Violation } from './evidence.ts';

export type { LoggedRecord } from './evidence.ts';

export type Of<T extends EventType> = LoggedRecord & { type: T };

/** Whether a record is before another in the log; undefined where that is not known. */
export const isBefore = (one: LoggedRecord, other: LoggedRecord): boolean | undefined => {
  if (one.topic === other.topic && one.partition === other.partition) return one.offset < other.offset;
  if (one.sequence === undefined || other.sequence === undefined) return undefined;
  return one.sequence < other.sequence;
};

/** In the order of the log, as far as it is known. */
export const compare = (a: LoggedRecord, b: LoggedRecord): number => {
  if (a.sequence !== undefined && b.sequence !== undefined) return a.sequence - b.sequence;
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
};

/** What cannot be read says nothing: it is a dead letter. */
export const isReadable = (record: LoggedRecord): boolean => {
  try {
    return record.data !== undefined;
  } catch {
    return false;
  }
};

/** Every invariant asks for them. */
const firsts = new WeakMap<readonly LoggedRecord[], LoggedRecord[]>();

/** The first readable record of each id, in the order of the log as far as it is known. */
export const firstOfEach = (records: readonly LoggedRecord[]): LoggedRecord[] => {
  const known = firsts.get(records);
  if (known) return known;
  const first = new Map<string, LoggedRecord>();
  for (const record of records.toSorted(compare))
    if (!first.has(record.id) && isReadable(record)) first.set(record.id, record);
  const found = [...first.values()];
  firsts.set(records, found);
  return found;
};

export const ofTypes = <T extends EventType>(records: readonly LoggedRecord[], ...types: readonly T[]): Of<T>[] =>
  records.filter((record): record is Of<T> => (types as readonly string[]).includes(record.type));

/** In the order of their first elements. */
export const groupedBy = <R>(items: readonly R[], keyOf: (item: R) => string): Map<string, R[]> =>
  Map.groupBy(items, keyOf);

/** An invariant by its name: each finding becomes a violation of it. */
export const invariant = (
  name: string,
  find: (...given: Parameters<Invariant['check']>) => Iterable<Omit<Violation, 'invariant'>>,
): Invariant => ({
  name,
  check: (evidence) => [...find(evidence)].map((found) => ({ invariant: name, ...found })),
});

/** What is wrong with the conversation and the request that a record is about. */
export const about = (record: LoggedRecord, message: string): Omit<Violation, 'invariant'> => ({
  contextId: record.key,
  requestId: record.correlationId,
  message,
});
