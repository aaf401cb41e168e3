/** What is known of one request, in the order of its times: for whoever looks into a violation. Pure. */
import type { LoggedRecord, UpstreamCall, Violation } from '../invariants/index.ts';
import type { Call } from './load.ts';
import type { Made } from './storm.ts';

export interface Known {
  records: readonly LoggedRecord[];
  reached: readonly UpstreamCall[];
  calls: readonly Pick<Call, 'label' | 'tries'>[];
  faults: readonly Made[];
  beganAt: number;
}

interface Moment {
  at: number;
  what: string;
}

const factsOf = (record: LoggedRecord): string => {
  switch (record.type) {
    case 'RequestReceived':
      return record.data.request.repeatable ? '' : ' not repeatable';
    case 'RequestDispatched':
      return ` attempt ${record.data.attempt} at ${record.data.target.id}`;
    case 'RequestUnroutable':
      return ` ${record.data.reason}`;
    case 'AttemptFailed':
    case 'ResponseFailed':
      return ` attempt ${record.data.attempt} ${record.data.failure.reason}`;
    case 'ResponseCompleted':
    case 'AttemptBegun':
      return ` attempt ${record.data.attempt}`;
    case 'ResponseChunk':
      return ` ${record.data.index}`;
    default:
      return '';
  }
};

/** When Kafka had it is not known: this is when its writer said it wrote it, by a clock that may have been moved. */
const ofRecord = (record: LoggedRecord): Moment => ({
  at: record.time,
  what: `${record.topic} ${record.partition}/${record.offset} ${record.type}${factsOf(record)} (${record.id} after ${record.causationId || 'nothing'})`,
});

/** Everything about a request, and the faults of its time. A line each. */
export const timelineOf = (requestId: string, known: Known): string[] => {
  const records = known.records.filter((record) => record.correlationId === requestId && record.type !== 'AuditEntry');
  const dispatches = new Set(records.filter(({ type }) => type === 'RequestDispatched').map(({ id }) => id));
  const moments: Moment[] = [
    ...records.map(ofRecord),
    ...known.reached
      .filter((call) => dispatches.has(call.dispatchId) || call.requestId === requestId)
      .map(({ at, dispatchId, refused }) => ({
        at,
        what: `the upstream is called (${dispatchId || 'of which dispatch it is not told'})${refused ? ' and refuses' : ''}`,
      })),
    ...known.calls.flatMap(({ label, tries }) =>
      tries.flatMap((one) =>
        one.requestId === requestId
          ? [
              { at: one.at, what: `a client calls: ${label}` },
              { at: one.endedAt, what: `the client has ${one.status}${one.whole ? '' : ', cut'}: ${one.text}` },
            ]
          : [],
      ),
    ),
  ];
  const times = moments.map(({ at }) => at);
  const [from, to] = [Math.min(...times) - 30_000, Math.max(...times)];
  const faults = known.faults.flatMap(({ struck, atMs, healedAtMs, recoveredAtMs }) => [
    { at: known.beganAt + atMs, what: `FAULT ${struck}` },
    { at: known.beganAt + healedAtMs, what: `HEALED ${struck}` },
    { at: known.beganAt + recoveredAtMs, what: `SERVES AGAIN ${struck}` },
  ]);
  return [...moments, ...faults.filter(({ at }) => at >= from && at <= to)]
    .sort((a, b) => a.at - b.at)
    .map(({ at, what }) => `${new Date(at).toISOString().slice(11, 23)}  ${what}`);
};

/** The story of each violation. */
export const stories = (violations: readonly Violation[], known: Known): string =>
  violations
    .map((violation) => {
      const told = violation.requestId === '' ? [] : timelineOf(violation.requestId, known);
      const { invariant, contextId, requestId, message } = violation;
      return [
        `${invariant}: ${message} (conversation ${contextId}, request ${requestId})`,
        ...told.map((l) => `  ${l}`),
      ].join('\n');
    })
    .join('\n\n');
