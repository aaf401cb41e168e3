/** Whether the events of one partition of a topic are those that the chain speaks of. */
import { hash } from 'node:crypto';
import type { AuditEntry } from '../../schemas/generated.ts';
import { fileOf, type TopicName, topicOf } from '../../topics/index.ts';
import { durationMs } from '../runtime/governance/desired.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import { RecentIds } from '../runtime/recent-ids.ts';
import { hasEnvelope } from '../runtime/recorded.ts';
import { factsOf } from './audit.ts';
import { auditedTypes } from './summary.ts';

type Identity = Pick<
  AuditEntry,
  'digest' | 'eventId' | 'eventType' | 'eventSource' | 'eventTime' | 'contextId' | 'correlationId'
>;

/** What an entry says that its event is, in 32 characters: millions of them have to fit into memory. */
export const fingerprintOf = (e: Identity): string =>
  hash(
    'sha256',
    JSON.stringify([e.digest, e.eventId, e.eventType, e.eventSource, e.eventTime, e.contextId, e.correlationId]),
    'binary',
  );

const fingerprintOfEvent = (event: AnyRecorded): string => fingerprintOf(factsOf(event));

/** Stands for any event: of an entry that was altered, what it says is not known. */
export const ANY = '';

export interface Figures {
  /** Events that have their entry. */
  audited: number;
  /** Written again by a service that was cut off: the first of that id has the entry. */
  repeated: number;
  /** Later than the last event that has an entry: the audit service has them still to do. */
  waiting: number;
  /** Time of the first of those; milliseconds since the epoch. */
  waitingSince: number | null;
  /** Entries whose events the topic keeps no longer. */
  expired: number;
  /** Events whose entries `mesh.audit` keeps no longer. */
  before: number;
  /** Records that no service can read, or of types that this version does not know. */
  unreadable: number;
}

const audited = new Set<string>(auditedTypes);
const CLOCKS_APART_MS = 3_600_000;

const keptFrom = (topic: TopicName, now: number): number => {
  const { retention } = fileOf(topic);
  return retention ? now - durationMs(retention) + CLOCKS_APART_MS : Number.POSITIVE_INFINITY;
};

export class Coverage implements Figures {
  readonly topic: TopicName;
  readonly partition: number;
  audited = 0;
  repeated = 0;
  waiting = 0;
  waitingSince: number | null = null;
  expired = 0;
  before = 0;
  unreadable = 0;
  /** Fingerprints of events that are to be there, by offset. */
  readonly #expected = new Map<number, string>();
  readonly #recent = new RecentIds();
  /** What is later than this, retention cannot have removed yet. */
  readonly #eventsKeptFrom: number;
  readonly #entriesKeptFrom: number;
  #firstClaimed = Number.POSITIVE_INFINITY;
  #lastClaimed = -1;
  /** From this offset on, retention cannot have removed an event. */
  #firstYoung = Number.POSITIVE_INFINITY;
  #firstSeen = Number.POSITIVE_INFINITY;

  /** @param now milliseconds since the epoch. */
  constructor(topic: TopicName, partition: number, now: number) {
    this.topic = topic;
    this.partition = partition;
    this.#eventsKeptFrom = keptFrom(topic, now);
    this.#entriesKeptFrom = keptFrom('mesh.audit', now);
  }

  /** An entry of the chain speaks of an event. @returns false when another one says something else of it. */
  claim(offset: number, fingerprint: string, time: number): boolean {
    const before = this.#expected.get(offset);
    this.#expected.set(offset, fingerprint);
    this.#firstClaimed = Math.min(this.#firstClaimed, offset);
    this.#lastClaimed = Math.max(this.#lastClaimed, offset);
    if (time >= this.#eventsKeptFrom) this.#firstYoung = Math.min(this.#firstYoung, offset);
    return before === undefined || before === fingerprint;
  }

  unclaim(offset: number): void {
    this.#expected.delete(offset);
  }

  isClaimed(offset: number, fingerprint: string): boolean {
    return this.#expected.get(offset) === fingerprint;
  }

  /** Compares an event, in order of offsets. @returns what is wrong. */
  see(event: AnyRecorded): string | undefined {
    this.#firstSeen = Math.min(this.#firstSeen, event.offset);
    const expected = this.#expected.get(event.offset);
    if (expected === undefined) return this.#seeUnclaimed(event);
    this.#expected.delete(event.offset);
    this.#recent.add(event.id);
    this.audited += 1;
    const same = expected === ANY || expected === fingerprintOfEvent(event);
    return same ? undefined : 'is not the event that was audited: its value or its headers were changed';
  }

  #seeUnclaimed(event: AnyRecorded): string | undefined {
    if (!hasEnvelope(event) || !(event.type in topicOf)) this.unreadable += 1;
    else if (!audited.has(event.type)) return undefined;
    else if (this.#recent.has(event.id)) this.repeated += 1;
    else if (event.offset > this.#lastClaimed) {
      this.waiting += 1;
      this.waitingSince ??= event.time;
    } else if (event.offset < this.#firstClaimed && event.time < this.#entriesKeptFrom) this.before += 1;
    else return 'has no audit entry';
    return undefined;
  }

  /** What was expected and did not come. @returns the offsets of events that should be there, and why. */
  missing(): { offset: number; what: string }[] {
    const compacted = fileOf(this.topic).cleanup === 'compact';
    const lost: { offset: number; what: string }[] = [];
    for (const offset of this.#expected.keys()) {
      if (compacted || (offset < this.#firstSeen && offset < this.#firstYoung)) this.expired += 1;
      else if (offset < this.#firstSeen) lost.push({ offset, what: 'was audited and is gone before its time' });
      else lost.push({ offset, what: 'was audited and is gone' });
    }
    return lost;
  }
}
