import { expect, test } from 'vitest';
import type { AuditReport } from '../services/audit/verify.ts';
import { auditText } from './audit-text.ts';

process.env.TZ = 'UTC';
const figures = { audited: 4, repeated: 0, waiting: 0, waitingSince: null, expired: 0, before: 0, unreadable: 0 };
const whole: AuditReport = {
  whole: true,
  partitions: [{ partition: 3, entries: 4, first: 1, last: 4, head: 'abc', repeated: 0, beside: 0 }],
  coverage: [{ topic: 'mesh.requests', ...figures }],
  findings: [],
  found: 0,
};

test('a whole audit', () => {
  expect(auditText(whole, 0)).toEqual([
    'partition  entries  from  to  repeated  beside  hash of the last',
    '        3        4     1   4         0       0  abc',
    '',
    'topic          audited  waiting  repeated  expired  unreadable',
    'mesh.requests        4        0         0        0           0',
    '',
    'Whole: 4 entries in 1 chain, each with its event, and no event without.',
  ]);
});

test('the first broken entry is named, and what is still to be done', () => {
  const findings = [
    {
      topic: 'mesh.audit',
      partition: 3,
      offset: 17,
      sequence: 18,
      what: 'was altered: its content does not have its hash',
    },
    { topic: 'mesh.requests', partition: 3, offset: 2, what: 'has no audit entry' },
  ];
  const coverage = [{ topic: 'mesh.requests' as const, ...figures, waiting: 2, waitingSince: 0 }];
  const partitions = [{ ...whole.partitions[0]!, first: 3, beside: 1 }];
  const text = auditText({ whole: false, partitions, coverage, findings, found: 30 }, 5_000);
  expect(text.slice(6)).toEqual([
    'BROKEN: the first broken entry is mesh.audit 3/17 (entry 18): it was altered: its content does not have its hash',
    '        mesh.requests 3/2 has no audit entry',
    '        and 28 more (--json lists up to 1,000)',
    '',
    'Of 1 chain the first entries are kept no longer: verified from the first that is.',
    '1 event audited beside the chain only, as when a partition changes hands: nothing later vouches for that.',
    '2 events not audited yet, the first of 1970-01-01 00:00:00.000 (5.00 s ago).',
  ]);
});
