/**
 * Whether the audit is whole. First the chain of each partition, from the first entry that is kept: each entry has the hash
 * that it states and follows the one before. Then its completeness: every event up to the last that the chain speaks of has an
 * entry, and every entry its event, unchanged, unless the event is older than its topic's retention.
 *
 * When a partition changes hands, the instance that lost it may have written entries that the chain does not go on from. They
 * are no findings as long as they agree with the chain and with the events: nearly all repeat what the chain says. Where one is
 * the only entry of its event, nothing later vouches for it, so such are counted apart. They are a finding where they are more
 * than the chain has: that is no hand-over.
 */
import { type TopicName, topicOf, topics } from '../../topics/index.ts';
import type { AnyRecorded, Log } from '../runtime/log.ts';
import { Branches, type Change } from './branches.ts';
import { hashOf, type Link, NO_HASH } from './chain.ts';
import { ANY, Coverage, type Figures, fingerprintOf } from './coverage.ts';
import { type Finding, Findings } from './findings.ts';
import { auditedTypes } from './summary.ts';

export type { Finding } from './findings.ts';

export interface PartitionReport {
  partition: number;
  /** Entries kept. */
  entries: number;
  /** Sequence of the first of them: 1, unless earlier ones have expired. */
  first: number;
  /** Sequence and hash of the chain's last entry: whoever writes them down can prove later that it was not rewritten. */
  last: number;
  head: string;
  /** Entries beside the chain that repeat what it says. */
  repeated: number;
  /** Entries beside the chain whose events have none on it. */
  beside: number;
}

export interface AuditReport {
  /** Whether there are no findings. */
  whole: boolean;
  partitions: PartitionReport[];
  /** By topic. */
  coverage: (Figures & { topic: TopicName })[];
  /** At most 1000 of them; entries before events, in their order. */
  findings: Finding[];
  /** How many there are. */
  found: number;
}

/** Where it is: reading entries, then events; records read and to read. */
export type VerifyProgress = (reading: 'entries' | 'events', seen: number, total: number) => void;

interface Ref extends Link {
  /** Of the entry's record. */
  offset: number;
  /** Of its event. */
  event: { topic: TopicName; partition: number; offset: number; fingerprint: string; time: number };
}

interface Partition {
  branches: Branches<Ref>;
  entries: number;
  first: number;
  repeated: number;
  beside: number;
}

const eventTopics = [...new Set(auditedTypes.map((type) => topicOf[type]))];

/** Collects what entries and events say; the order is all entries, `chainsRead`, all events, `report`. */
export const auditCheck = (now: number) => {
  const findings = new Findings();
  const partitions = new Map<number, Partition>();
  const coverages = new Map<string, Coverage>();

  const coverageOf = (topic: TopicName, partition: number): Coverage => {
    const key = `${topic} ${partition}`;
    const known = coverages.get(key) ?? new Coverage(topic, partition, now);
    coverages.set(key, known);
    return known;
  };
  const find = (partition: number, { offset, sequence }: Pick<Ref, 'offset' | 'sequence'>, what: string) =>
    findings.add({ topic: 'mesh.audit', partition, offset, sequence, what });

  const claim = (partition: number, ref: Ref) => {
    const { topic, partition: of, offset, fingerprint, time } = ref.event;
    if (!coverageOf(topic, of).claim(offset, fingerprint, time))
      find(partition, ref, `says of ${topic} ${of}/${offset} something else than an entry before`);
  };
  const follow = (partition: number, { on, off, broken }: Change<Ref>) => {
    for (const { event } of off) coverageOf(event.topic, event.partition).unclaim(event.offset);
    for (const ref of on) claim(partition, ref);
    if (broken) find(partition, broken.at, broken.what);
  };

  return {
    seeEntry: (record: AnyRecorded): void => {
      const { partition, offset } = record;
      const ref = refOf(record);
      if (typeof ref === 'string') {
        findings.add({ topic: 'mesh.audit', partition, offset, what: ref });
        return;
      }
      if (ref.event.fingerprint === ANY) find(partition, ref, 'was altered: its content does not have its hash');
      let state = partitions.get(partition);
      if (!state) {
        state = { branches: new Branches(), entries: 0, first: ref.sequence, repeated: 0, beside: 0 };
        partitions.set(partition, state);
        if (ref.sequence === 1 && ref.previousHash !== NO_HASH)
          find(partition, ref, 'is the first, and names a hash before it');
      }
      state.entries += 1;
      const change = state.branches.add(ref);
      if (change === 'grown') claim(partition, ref);
      else if (change) follow(partition, change);
    },
    chainsRead: (): void => {
      for (const [partition, state] of partitions) {
        for (const change of state.branches.end()) follow(partition, change);
        const { aside } = state.branches;
        let first: Ref | undefined;
        for (const ref of aside) {
          const { topic, partition: of, offset, fingerprint } = ref.event;
          if (fingerprint === ANY) continue;
          if (coverageOf(topic, of).isClaimed(offset, fingerprint)) state.repeated += 1;
          else {
            first ??= ref;
            state.beside += 1;
            claim(partition, ref);
          }
        }
        const chained = state.entries - aside.length;
        if (first && state.beside > chained) find(partition, first, unchained(state.beside, chained));
      }
    },
    seeEvent: (record: AnyRecorded): void => {
      const { topic, partition, offset } = record;
      const what = coverageOf(topic, partition).see(record);
      if (what) findings.add({ topic, partition, offset, what });
    },
    report: (): AuditReport => {
      for (const coverage of coverages.values())
        for (const { offset, what } of coverage.missing())
          findings.add({ topic: coverage.topic, partition: coverage.partition, offset, what });
      return {
        whole: findings.count === 0,
        partitions: [...partitions]
          .sort(([a], [b]) => a - b)
          .map(([partition, { branches, entries, first, repeated, beside }]) => {
            const head = branches.head!;
            return { partition, entries, first, last: head.sequence, head: head.hash, repeated, beside };
          }),
        coverage: eventTopics.map((topic) => ({
          topic,
          ...sum([...coverages.values()].filter((c) => c.topic === topic)),
        })),
        findings: findings.sorted(),
        found: findings.count,
      };
    },
  };
};

const isTopic = (name: string): name is TopicName => Object.hasOwn(topics, name);

const unchained = (beside: number, chained: number): string =>
  `is one of ${beside} entries beside a chain of ${chained}, each the only one of its event: nothing vouches for them`;

/** @returns a sentence where a record is no entry. */
const refOf = (record: AnyRecorded): Ref | string => {
  if (record.type !== 'AuditEntry') return 'is not an audit entry';
  try {
    const entry = record.data;
    const { sequence, previousHash, hash, topic, partition, offset, eventTime: time } = entry;
    if (!isTopic(topic)) return `is about a topic ${topic} that this version does not know`;
    const fingerprint = hashOf(entry) === hash ? fingerprintOf(entry) : ANY;
    return {
      sequence,
      previousHash,
      hash,
      offset: record.offset,
      event: { topic, partition, offset, fingerprint, time },
    };
  } catch {
    return 'cannot be read';
  }
};

const sum = (coverages: readonly Coverage[]): Figures => {
  const total = (figure: Exclude<keyof Figures, 'waitingSince'>) => coverages.reduce((n, c) => n + c[figure], 0);
  const since = coverages.flatMap((c) => c.waitingSince ?? []);
  return {
    audited: total('audited'),
    repeated: total('repeated'),
    waiting: total('waiting'),
    waitingSince: since.length > 0 ? Math.min(...since) : null,
    expired: total('expired'),
    before: total('before'),
    unreadable: total('unreadable'),
  };
};

/**
 * Reads `mesh.audit`, then the topics that are audited, each from its beginning. Takes about 150 bytes of memory per entry.
 * @param now milliseconds since the epoch.
 */
export const verifyAudit = async (log: Log, now: number, progress: VerifyProgress = () => {}): Promise<AuditReport> => {
  const check = auditCheck(now);
  const read = async (
    names: readonly TopicName[],
    see: (record: AnyRecorded) => void,
    told: (seen: number, total: number) => void,
  ) => {
    const tail = await log.tail(names, see, { from: 'beginning', progress: told });
    await tail.caughtUp;
    await tail.close();
  };
  await read(['mesh.audit'], check.seeEntry, (seen, total) => progress('entries', seen, total));
  check.chainsRead();
  await read(eventTopics, check.seeEvent, (seen, total) => progress('events', seen, total));
  return check.report();
};
