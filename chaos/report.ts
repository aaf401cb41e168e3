/** What a run showed, for a person and as JSON. Pure. */
import type { LoggedRecord, Violation } from '../invariants/index.ts';
import { type Counts, countBy, listed } from './counts.ts';
import { type Call, isGood } from './load.ts';
import { type ToolReport, type ToolRun, toolReportOf } from './mcp/report.ts';
import type { UnaskedEnd } from './mesh-processes.ts';
import type { Made } from './storm.ts';
import type { AccessLogEntry } from './upstream.ts';

export interface Run {
  seed: number;
  minutes: number;
  shape: readonly (readonly string[])[];
  faults: readonly Made[];
  calls: readonly Call[];
  /** When the load began and ended, milliseconds since the epoch. */
  beganAt: number;
  endedAt: number;
  records: readonly LoggedRecord[];
  accessLog: readonly AccessLogEntry[];
  tools: ToolRun;
  endedUnasked: readonly UnaskedEnd[];
  violations: readonly Violation[];
}

export interface Report {
  seed: number;
  minutes: number;
  shape: readonly (readonly string[])[];
  faults: readonly Made[];
  calls: { made: number; tries: number; answersByStatus: Counts };
  /** Calls that were to be denied are left out. */
  availability: { answered: number; of: number; share: number; atFirstTry: number; longestGapMs: number };
  outcomes: Counts;
  /** Records in the log, those of an id that was there before, and those of them that say something else. */
  events: { records: number; repeated: number; repeatedOtherwise: number };
  upstream: {
    calls: number;
    byStatus: Counts;
    withoutDispatch: number;
    dispatches: number;
    dispatchedNotCalled: number;
  };
  tools: ToolReport;
  endedUnasked: readonly UnaskedEnd[];
  violations: readonly Violation[];
}

const outcomeOf = (record: LoggedRecord): string[] => {
  switch (record.type) {
    case 'RequestDenied':
    case 'ResponseCompleted':
      return [record.type];
    case 'RequestUnroutable':
      return [`RequestUnroutable ${record.data.reason}`];
    case 'ResponseFailed':
      return [`ResponseFailed ${record.data.failure.reason}`];
    default:
      return [];
  }
};

const firstAndRepeated = (records: readonly LoggedRecord[]) => {
  const first = new Map<string, LoggedRecord>();
  let repeated = 0;
  let repeatedOtherwise = 0;
  for (const record of records) {
    const before = first.get(record.id);
    if (!before) first.set(record.id, record);
    else {
      repeated += 1;
      if (!before.value.equals(record.value)) repeatedOtherwise += 1;
    }
  }
  return { first: [...first.values()], repeated, repeatedOtherwise };
};

const longestGap = (times: readonly number[], from: number, until: number): number => {
  const within = times.filter((time) => time > from && time < until).toSorted((a, b) => a - b);
  const marks = [from, ...within, until];
  return marks.slice(1).reduce((longest, mark, i) => Math.max(longest, mark - marks[i]!), 0);
};

const availabilityOf = ({ calls, beganAt, endedAt }: Run): Report['availability'] => {
  const wanted = calls.filter((call) => !call.forbidden && call.tries.length > 0);
  const answered = wanted.filter(({ tries }) => tries.some(isGood));
  const times = answered.flatMap(({ tries }) => tries.filter(isGood).map((one) => one.endedAt));
  return {
    answered: answered.length,
    of: wanted.length,
    share: wanted.length === 0 ? 0 : answered.length / wanted.length,
    atFirstTry: wanted.filter(({ tries }) => isGood(tries[0]!)).length,
    longestGapMs: longestGap(times, beganAt, endedAt),
  };
};

export const reportOf = (run: Run): Report => {
  const { first, repeated, repeatedOtherwise } = firstAndRepeated(run.records);
  const dispatched = new Set(
    first.filter((one) => one.type === 'RequestDispatched' && one.data.request.protocol !== 'mcp').map(({ id }) => id),
  );
  const called = new Set(run.accessLog.map((entry) => entry.x_client_request_id));
  const tries = run.calls.flatMap((call) => call.tries);
  const { seed, minutes, shape, faults, endedUnasked, violations } = run;
  return {
    seed,
    minutes,
    shape,
    faults,
    calls: {
      made: run.calls.length,
      tries: tries.length,
      answersByStatus: countBy(tries, ({ status, whole }) =>
        status === 0 ? 'none' : `${status}${whole ? '' : ' cut'}`,
      ),
    },
    availability: availabilityOf(run),
    outcomes: countBy(first.flatMap(outcomeOf), (name) => name),
    events: { records: run.records.length, repeated, repeatedOtherwise },
    upstream: {
      calls: run.accessLog.length,
      byStatus: countBy(run.accessLog, ({ status }) => (status === 0 ? 'none' : String(status))),
      withoutDispatch: run.accessLog.filter((entry) => !dispatched.has(entry.x_client_request_id)).length,
      dispatches: dispatched.size,
      dispatchedNotCalled: [...dispatched].filter((id) => !called.has(id)).length,
    },
    tools: toolReportOf(run.tools),
    endedUnasked,
    violations,
  };
};

const MOST_SHOWN = 20;
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** A page of plain text. */
export const reportText = (report: Report): string => {
  const { availability: a, events, upstream, tools, violations, endedUnasked } = report;
  const slowest = report.faults.reduce((most, f) => Math.max(most, f.recoveredAtMs - f.healedAtMs), 0);
  const lines = [
    `Seed ${report.seed}, ${report.minutes} min; processes: ${report.shape.map((s) => s.join('+') || 'all').join(' | ')}`,
    `Faults        ${report.faults.length}: ${listed(countBy(report.faults, (f) => f.fault))}; slowest recovery ${seconds(slowest)}`,
    `Calls         ${report.calls.made}, tried ${report.calls.tries} times; answers: ${listed(report.calls.answersByStatus)}`,
    `Availability  ${((a.answered / a.of) * 100 || 0).toFixed(2)} % (${a.answered} of ${a.of}; ${a.atFirstTry} at the first try), longest time without a success ${seconds(a.longestGapMs)}`,
    `Outcomes      ${listed(report.outcomes)}`,
    `Events        ${events.records}, repeated ${events.repeated}, of those with other content ${events.repeatedOtherwise}`,
    `Upstream      ${upstream.calls} calls (${listed(upstream.byStatus)}), ${upstream.withoutDispatch} without a dispatch in the log; ${upstream.dispatches} dispatches, ${upstream.dispatchedNotCalled} never called`,
    `Tools         ${tools.calls.made} calls, tried ${tools.calls.tries} times, ${tools.calls.answered} answered well; answers: ${listed(tools.calls.answersByStatus)}`,
    `MCP server    ${tools.upstream.calls} calls (${listed(tools.upstream.byStatus)}), ${tools.upstream.withoutRequest} without a request in the log, ${tools.upstream.twice} side effects twice`,
    `Sessions      ${tools.sessions.opened}, answered ${tools.sessions.notFound} times that there is none; ${tools.sessions.givenUp} given up`,
    ...endedUnasked.map((e) => `Ended unasked ${e.process} (${e.signal ?? e.code}): ${e.said.split('\n').at(-1)}`),
    `Violations    ${violations.length === 0 ? 'none' : `${violations.length}: ${listed(countBy(violations, (v) => v.invariant))}`}`,
    ...violations
      .slice(0, MOST_SHOWN)
      .map((v) => `  ${v.invariant}: ${v.message} (conversation ${v.contextId || '?'}, request ${v.requestId || '?'})`),
    ...(violations.length > MOST_SHOWN ? [`  and ${violations.length - MOST_SHOWN} more`] : []),
  ];
  return lines.join('\n');
};
