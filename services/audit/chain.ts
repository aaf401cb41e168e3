/**
 * The hash chain of a partition. `hash` is sha256, in lower-case hexadecimal, of the UTF-8 bytes of a JSON array in canonical
 * form (RFC 8785): every field of `mesh.AuditEntry` in the order of its schema, without `hash`. A record inside it (subject,
 * resource) is the array of its own fields in the order of its schema; `null` is null; instants are milliseconds since the
 * epoch. So an entry about nobody and nothing begins `[1,"0000…`, and ends `…,null,"",null,"permitted","","3f2a"]`.
 */
import { hash } from 'node:crypto';
import type { AuditEntry } from '../../schemas/generated.ts';

/** What an entry is chained by. */
export type Link = Pick<AuditEntry, 'sequence' | 'previousHash' | 'hash'>;

/** What an entry says, before it has a place in a chain. */
export type Evidence = Omit<AuditEntry, keyof Link>;

/** What the first entry of a partition names as the hash before it. */
export const NO_HASH = '0'.repeat(64);

/** The hash that an entry must have. */
export const hashOf = ({ sequence, previousHash, subject, resource, ...e }: Evidence & Omit<Link, 'hash'>): string => {
  const canonical = JSON.stringify([
    sequence,
    previousHash,
    e.topic,
    e.partition,
    e.offset,
    e.digest,
    e.eventId,
    e.eventType,
    e.eventSource,
    e.eventTime,
    e.contextId,
    e.correlationId,
    subject && [subject.tenant, subject.unit, subject.agent, subject.person, subject.credential],
    e.action,
    resource && [resource.type, resource.id],
    e.outcome,
    e.reason,
    e.configurationVersion,
  ]);
  return hash('sha256', canonical);
};

/** The entry that puts `evidence` behind the chain's last one; undefined: the chain begins with it. */
export const append = (head: Link | undefined, evidence: Evidence): AuditEntry => {
  const sequence = (head?.sequence ?? 0) + 1;
  const previousHash = head?.hash ?? NO_HASH;
  return { sequence, previousHash, hash: hashOf({ sequence, previousHash, ...evidence }), ...evidence };
};

/** Whether an entry comes right behind another. */
export const follows = (head: Link, link: Link): boolean =>
  link.previousHash === head.hash && link.sequence === head.sequence + 1;
