import { count, instant, many } from '../figures.ts';
import { plain, table } from '../text.ts';
import type { AccessLog } from './access-log.ts';
import type { Dispatched } from './dispatches.ts';
import type { DarkCall, Reconciliation, Repeated } from './reconcile.ts';

const LISTED = 20;

/** A heading, the first of many and how many more there are; nothing where there are none. */
const section = <T>(
  heading: string,
  all: readonly T[],
  columns: readonly string[],
  row: (one: T) => string[],
): string[] =>
  all.length === 0
    ? []
    : [
        '',
        heading,
        ...table([[...columns], ...all.slice(0, LISTED).map(row)]).map((line) => `  ${line}`),
        ...(all.length > LISTED ? [`  and ${count(all.length - LISTED)} more (--json lists all)`] : []),
      ];

const when = (time: number): string => (Number.isNaN(time) ? 'not said' : instant(time));

const dark = (calls: readonly DarkCall[]) =>
  section(`DARK: ${many(calls.length, 'call')} without events`, calls, ['line', 'time', 'id', 'why'], (call) => [
    count(call.line),
    when(call.at),
    plain(call.id || call.responseId || 'none', 60),
    call.why,
  ]);

const missing = (dispatches: readonly Dispatched[]) =>
  section(
    `MISSING: ${many(dispatches.length, 'event')} without a call: answered, by the log of the mesh, and not in the access log`,
    dispatches,
    ['dispatch', 'time', 'target', 'end', 'conversation'],
    ({ id, at, target, end, contextId }) => [id, instant(at), plain(target, 60), end, plain(contextId, 80)],
  );

const repeated = (all: readonly Repeated[]) =>
  section(
    `REPEATED: ${many(all.length, 'dispatch', 'dispatches')} with more than one call`,
    all,
    ['dispatch', 'target', 'lines', ''],
    ({ dispatch, lines }) => [
      dispatch.id,
      plain(dispatch.target, 60),
      plain(lines.map(count).join(' '), 60),
      dispatch.repeatable ? 'safe to repeat' : 'NOT safe to repeat',
    ],
  );

const explained = ({ explained: ends }: Reconciliation): string[] => {
  const all = Object.entries(ends).sort(([, a], [, b]) => b - a);
  if (all.length === 0) return [];
  const sum = all.reduce((n, [, of]) => n + of, 0);
  return [
    `${many(sum, 'dispatch', 'dispatches')} not called, or not for sure: ${all.map(([end, of]) => `${count(of)} ${end}`).join(', ')}.`,
  ];
};

/** The access log may be another upstream's than that of the events. */
const strangers = ({ missing, connections }: Reconciliation): string[] => {
  const others = new Set(missing.map(({ connection }) => connection).filter((one) => !connections.includes(one)));
  if (others.size === 0) return [];
  const names = [...others].map((one) => plain(one, 60)).join(', ');
  return [`No call of this access log is of ${names}: if it is not theirs, say whose it is with --connection.`];
};

/** What `reconcile` says. */
export const reconciliationText = (found: Reconciliation, bad: AccessLog['bad'], unreadable: number): string[] => {
  const { period, calls, known, knownByAnswer, coverage, atTheEdge } = found;
  return [
    `From ${instant(period.since)} to ${instant(period.until)}`,
    coverage === null
      ? 'Coverage: the access log has no calls of that time'
      : `Coverage ${coverage.toFixed(2)} %: ${count(known)} of ${many(calls, 'call')} of the access log ${calls === 1 ? 'is' : 'are'} in the log of the mesh`,
    ...dark(found.dark),
    ...missing(found.missing),
    ...strangers(found),
    ...repeated(found.repeated),
    '',
    ...(knownByAnswer > 0
      ? [`${many(knownByAnswer, 'call')} found by the id of the answer: without that of a dispatch.`]
      : []),
    ...explained(found),
    ...(atTheEdge > 0
      ? [
          `${many(atTheEdge, 'answered dispatch', 'answered dispatches')} at the edge of that time without a call: not judged (--since, --until, --clocks-apart).`,
        ]
      : []),
    ...(bad.count > 0
      ? [
          `${many(bad.count, 'line')} could not be read and ${bad.count === 1 ? 'is' : 'are'} not counted: ${bad.first.map(count).join(', ')}${bad.count > bad.first.length ? ', …' : ''}.`,
        ]
      : []),
    ...(unreadable > 0 ? [`${many(unreadable, 'event')} of the mesh could not be read.`] : []),
  ];
};
