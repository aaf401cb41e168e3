/** A failed seed, for a person: what is wrong, what went wrong before, and the conversation that it is about. */
import type { LoggedRecord, Violation } from '../invariants/index.ts';
import { orderingKey } from '../topics/index.ts';
import { kinds } from './faults.ts';
import type { Run } from './simulate.ts';

const detailOf = (record: LoggedRecord): string => {
  switch (record.type) {
    case 'RequestReceived': {
      const { repeatable, streaming, resource } = record.data.request;
      return `${resource.id}${streaming ? ', streaming' : ''}${repeatable ? '' : ', not repeatable'}`;
    }
    case 'RequestDenied':
      return record.data.reason;
    case 'RequestDispatched':
      return `attempt ${record.data.attempt} at ${record.data.target.id}`;
    case 'RequestUnroutable':
      return record.data.reason;
    case 'AttemptFailed':
      return `${record.data.failure.reason}${record.data.retryable ? ', retryable' : ''}`;
    case 'ResponseFailed':
      return record.data.failure.reason;
    case 'ResponseChunk':
      return `${record.data.index}`;
    case 'CancelRequested':
    case 'TaskCancelRequested':
    case 'CancelDelivered':
      return record.data.reason;
    case 'TaskUpdated':
      return `${short(record.data.taskId)} ${record.data.sequence}, ${record.data.state}`;
    case 'TaskSnapshot': {
      const { taskId, sequence, state, turn, reported } = record.data;
      return `${short(taskId)} ${sequence}, ${state}${turn ? `, turn ${short(turn.requestId)}` : ''}, reports to ${reported}`;
    }
    case 'TaskReported':
    case 'AgentReported':
      return `${short(record.data.taskId)} ${record.data.update.toString().slice(0, 200)}`;
    case 'ReportRefused':
    case 'ReportReturned':
      return `${short(record.data.taskId)} ${record.data.reason}: ${record.data.message} ${record.data.callId}`;
    case 'CallReported':
    case 'AgentCalled':
      return `${short(record.data.taskId)} ${record.data.callId} ${record.data.resource.id}`;
    case 'CallAnswered':
      return `${short(record.data.taskId)} ${record.data.callId} ${record.data.outcome}`;
    case 'CallUpdated':
      return `${short(record.data.taskId)} ${record.data.callId} ${record.data.state}`;
    case 'TimerSet':
    case 'TimerFired':
    case 'TimerCleared':
    case 'TimerElapsed':
      return `${short(record.data.taskId)} ${record.data.timerId}`;
    case 'StepRecorded':
      return `${short(record.data.taskId)} ${record.data.name}`;
    case 'MessageDelivered':
      return `${short(record.data.taskId)}${record.data.continues ? ', continues' : ''}`;
    default:
      return '';
  }
};

const readable = (record: LoggedRecord): string => {
  try {
    return detailOf(record);
  } catch {
    return 'unreadable';
  }
};

const short = (id: string) => id.slice(-6);

/** The events of a conversation and the calls that were made for it, in their order, each with who stated it. */
const conversationOf = (run: Run, contextId: string): string[] => {
  const { records, calls } = run.evidence;
  const own = records.filter(
    ({ key, topic, type }) =>
      orderingKey(topic, key) === contextId && type !== 'AuditEntry' && type !== 'UsageRecorded',
  );
  const ids = new Set(own.map(({ id }) => id));
  const since = run.startedAt;
  const lines = own.map((record) => {
    const { topic, partition, offset, sequence = 0, type, source, id, causationId, correlationId } = record;
    const place = `${topic.slice(5)}/${partition}@${offset}`;
    const { writer, at } = run.arrivals[sequence]!;
    const by = writer || '-';
    const chain = `${short(correlationId)} ${short(id)} <- ${short(causationId) || '-'}`;
    const text = `${String(Math.round(at - since)).padStart(8)} ms  ${by.padEnd(3)} ${source.padEnd(9)} ${type.padEnd(18)} ${place.padEnd(16)} ${chain}  ${readable(record)}`;
    return { sequence, text };
  });
  const made = calls
    .filter(({ dispatchId }) => ids.has(dispatchId))
    .map(({ dispatchId, at, logged = 0 }) => ({
      sequence: logged - 0.5,
      text: `${String(Math.round(at - since)).padStart(8)} ms  upstream is called for ${short(dispatchId)}`,
    }));
  return [...lines, ...made].sort((a, b) => a.sequence - b.sequence).map(({ text }) => text);
};

const contextOf = (run: Run, { contextId, requestId }: Violation): string =>
  contextId || (run.evidence.records.find(({ correlationId }) => correlationId === requestId)?.key ?? '');

/** The command that runs a seed again, exactly. */
export const replayOf = ({ seed, options: { processes, faults } }: Run): string => {
  const all = kinds.every((kind) => faults.includes(kind));
  const restricted = all ? '' : ` --faults '${faults.join(',')}'`;
  return `npm run simulate -- --seed ${seed} --processes ${processes}${restricted}`;
};

export const reportOf = (run: Run): string => {
  const since = run.startedAt;
  const conversations = new Set(run.violations.map((violation) => contextOf(run, violation)).filter(Boolean));
  return [
    `seed ${run.seed}: ${run.violations.length === 0 ? 'every invariant holds' : `${run.violations.length} violations`}`,
    ...run.violations.map(
      ({ invariant, requestId, message }) =>
        `  ${invariant}: ${message}${requestId ? ` (request ${short(requestId)})` : ''}`,
    ),
    'faults',
    ...(run.faults.length === 0 ? ['  none'] : []),
    ...run.faults.map(({ kind, at }) => `${String(Math.round(run.facedAt - since + at)).padStart(8)} ms  ${kind}`),
    ...[...conversations].flatMap((contextId) => [`conversation ${contextId}`, ...conversationOf(run, contextId)]),
    `again: ${replayOf(run)}`,
  ].join('\n');
};
