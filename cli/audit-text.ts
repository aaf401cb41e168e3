import type { AuditReport, Finding } from '../services/audit/verify.ts';
import { count, instant, lasting, many } from './figures.ts';
import { plain, table } from './text.ts';

const LISTED = 20;

const place = ({ topic, partition, offset, sequence }: Finding): string =>
  `${topic} ${partition}/${offset}${sequence === undefined ? '' : ` (entry ${sequence})`}`;

const findings = ({ findings: found, found: all }: AuditReport): string[] => {
  const [first] = found;
  if (!first) return [];
  const isEntry = first.topic === 'mesh.audit';
  return [
    `BROKEN: the first ${isEntry ? 'broken entry' : 'event in question'} is ${place(first)}: it ${plain(first.what)}`,
    ...found.slice(1, LISTED).map((finding) => `        ${place(finding)} ${plain(finding.what)}`),
    ...(all > LISTED
      ? [`        and ${count(all - Math.min(LISTED, found.length))} more (--json lists up to 1,000)`]
      : []),
    '',
  ];
};

const chains = ({ partitions }: AuditReport): string[] =>
  table(
    [
      ['partition', 'entries', 'from', 'to', 'repeated', 'beside', 'hash of the last'],
      ...partitions.map((p) =>
        [p.partition, p.entries, p.first, p.last, p.repeated, p.beside].map(count).concat(p.head),
      ),
    ],
    [0, 1, 2, 3, 4, 5],
  );

const coverage = ({ coverage: topics }: AuditReport): string[] =>
  table(
    [
      ['topic', 'audited', 'waiting', 'repeated', 'expired', 'unreadable'],
      ...topics.map((t) => [
        t.topic,
        ...[t.audited, t.waiting, t.repeated, t.expired + t.before, t.unreadable].map(count),
      ]),
    ],
    [1, 2, 3, 4, 5],
  );

/** What `audit verify` says. @param now milliseconds since the epoch. */
export const auditText = (report: AuditReport, now: number): string[] => {
  const { partitions, coverage: topics } = report;
  const entries = partitions.reduce((n, p) => n + p.entries, 0);
  const beside = partitions.reduce((n, p) => n + p.beside, 0);
  const cut = partitions.filter((p) => p.first > 1).length;
  const waiting = topics.reduce((n, t) => n + t.waiting, 0);
  const since = Math.min(...topics.flatMap((t) => t.waitingSince ?? []));
  return [
    ...chains(report),
    '',
    ...coverage(report),
    '',
    ...findings(report),
    ...(report.whole
      ? [
          `Whole: ${many(entries, 'entry', 'entries')} in ${many(partitions.length, 'chain')}, each with its event, and no event without.`,
        ]
      : []),
    ...(cut > 0
      ? [`Of ${many(cut, 'chain')} the first entries are kept no longer: verified from the first that is.`]
      : []),
    ...(beside > 0
      ? [
          `${many(beside, 'event')} audited beside the chain only, as when a partition changes hands: nothing later vouches for that.`,
        ]
      : []),
    ...(waiting > 0
      ? [`${many(waiting, 'event')} not audited yet, the first of ${instant(since)} (${lasting(now - since)} ago).`]
      : []),
  ];
};
