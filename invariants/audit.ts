import { auditedTypes } from '../services/audit/summary.ts';
import { auditCheck } from '../services/audit/verify.ts';
import { type TopicName, topicOf } from '../topics/index.ts';
import { invariant } from './reading.ts';

const auditedTopics: ReadonlySet<TopicName> = new Set(auditedTypes.map((type) => topicOf[type]));

/** The audit chain of each partition verifies, and every event has its entry. */
export const auditWhole = invariant('audit whole', function* ({ records, mayBeOpen, endedAt }) {
  const check = auditCheck(endedAt ?? Date.now());
  const ordered = records.toSorted((a, b) => a.offset - b.offset);
  for (const record of ordered) if (record.topic === 'mesh.audit') check.seeEntry(record);
  check.chainsRead();
  for (const record of ordered) if (auditedTopics.has(record.topic)) check.seeEvent(record);
  const { findings, coverage } = check.report();
  for (const { topic, partition, offset, what } of findings) {
    const record = records.find((r) => r.topic === topic && r.partition === partition && r.offset === offset);
    const message = `${topic} ${partition}/${offset} ${what}`;
    yield { contextId: record?.key ?? '', requestId: record?.correlationId ?? '', message };
  }
  if (mayBeOpen) return;
  for (const { topic, waiting } of coverage)
    if (waiting > 0)
      yield { contextId: '', requestId: '', message: `${waiting} events of ${topic} have no audit entry` };
});
