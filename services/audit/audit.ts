import { hash } from 'node:crypto';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Folded, Processor } from '../runtime/processor.ts';
import { Branches } from './branches.ts';
import { append, type Evidence, type Link } from './chain.ts';
import { type AuditedType, auditedTypes, summaryOf } from './summary.ts';

/** The chain of each partition that is this instance's. */
export type AuditState = Map<number, Branches<Link>>;

/** sha256 of an event's value as recorded, hexadecimal. */
const digestOf = (value: Buffer): string => hash('sha256', value);

/** What an entry says of its event wherever the event is: by this the two are compared later. */
export const factsOf = (event: AnyRecorded) => ({
  digest: digestOf(event.value),
  eventId: event.id,
  eventType: event.type,
  eventSource: event.source,
  eventTime: event.time,
  contextId: event.key,
  correlationId: event.correlationId,
});

const evidenceOf = (event: AnyRecorded<AuditedType>): Evidence => ({
  topic: event.topic,
  partition: event.partition,
  offset: event.offset,
  ...factsOf(event),
  ...summaryOf(event),
});

/** A key of which the log makes this partition. */
const keyTo = (partition: number, partitionOf: (key: string) => number): string => {
  for (let i = 0; ; i++)
    if (partitionOf(`partition-${partition}-${i}`) === partition) return `partition-${partition}-${i}`;
};

const evolve = (state: AuditState, event: Folded): AuditState => {
  if (event.type !== 'AuditEntry') return state;
  const { sequence, previousHash, hash } = event.data;
  const branches = state.get(event.partition) ?? new Branches();
  branches.add({ sequence, previousHash, hash });
  return state.set(event.partition, branches);
};

/**
 * An entry for each event, chained to the entry before of its partition. An entry stays in the partition of its event, whose
 * chain this instance owns: an event whose key says another one, such as those on topics of one partition, lends it no key.
 * @param partitionOf the log's.
 */
export const auditProcessor = (
  partitionOf: (key: string) => number,
): Processor<AuditState, AuditedType, 'AuditEntry'> => ({
  name: 'audit',
  reads: auditedTypes,
  patienceMs: 25,
  follows: [],
  writes: ['AuditEntry'],
  initialState: () => new Map(),
  decide: (event, state) => {
    const data = append(state.get(event.partition)?.head, evidenceOf(event));
    const key = partitionOf(event.key) === event.partition ? event.key : keyTo(event.partition, partitionOf);
    return [{ type: 'AuditEntry', data, key }];
  },
  evolve,
  forget: (state, partitions) => {
    for (const partition of partitions) state.delete(partition);
    return state;
  },
});
