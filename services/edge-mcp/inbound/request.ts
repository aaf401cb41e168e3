/** What is asked, as the log says it. Pure. */
import { hash } from 'node:crypto';
import type { CancelReason } from '../../../schemas/generated.ts';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { subjectOf } from '../../runtime/edge/callers.ts';
import { requestReceived } from '../../runtime/edge/request-received.ts';
import { type Cause, derivedId, follow, newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { argumentsOf } from '../../runtime/mcp/arguments.ts';
import { type McpOutcome, META, PROTOCOL, writeOutcome, writeRequest } from '../../runtime/mcp/message.ts';
import type { Asked } from './asked.ts';
import { invalidParams } from './problems.ts';
import type { Visit } from './visit.ts';

export const SOURCE = 'edge-mcp';

/** By which a call names its idempotency key where it has no header for it. It is the mesh's, and no server is told of it. */
export const KEY_META = 'parley/idempotencyKey';

/** What a request says of its client, or its session does. */
export interface Speaker {
  protocolVersion: string;
  info: unknown;
  capabilities: unknown;
  logLevel: string | undefined;
  /** The request's other `_meta`, its progress token among it. */
  meta: Readonly<Record<string, unknown>>;
}

/** A JSON-RPC request, as the SDK has found it to be. */
export interface Message {
  id: string | number;
  method: string;
  params?: Record<string, unknown>;
}

/** @throws McpProblem where it is nested too deeply to be written */
const within = <T>(write: () => T): T => {
  try {
    return write();
  } catch (error) {
    if (error instanceof RangeError) throw invalidParams('The params are nested too deeply.');
    throw error;
  }
};

/** @param time when it is stated, milliseconds since the epoch. @throws McpProblem */
export const received = (
  visit: Visit,
  { method, action, type, server, own, params, arguments: said, repeatable }: Asked,
  speaker: Speaker,
  { id, contextId, traceparent }: { id: string; contextId: string; traceparent: string },
  time: number,
): Event<'RequestReceived'> => {
  const { [KEY_META]: _key, ...meta } = speaker.meta;
  const _meta = {
    ...meta,
    [META.protocolVersion]: speaker.protocolVersion,
    [META.clientInfo]: speaker.info,
    [META.clientCapabilities]: speaker.capabilities,
    ...(speaker.logLevel === undefined ? {} : { [META.logLevel]: speaker.logLevel }),
  };
  const message = within(() => writeRequest({ method, params: { ...params, _meta } }));
  // A repetition has another progress token, and may be another version of its client.
  const asked = within(() => canonicalJson({ method, server, params }));
  const request = {
    id,
    contextId,
    subject: subjectOf(visit.caller),
    action,
    resource: { type, id: `${server}/${own}` },
    protocol: PROTOCOL,
    deadline: visit.deadline,
    repeatable,
    streaming: true,
    fingerprint: hash('sha256', asked, 'hex'),
    headers: {},
    message,
    spans: [],
    taskId: '',
    parentTaskId: visit.caller.chain.parentTaskId,
    arguments: within(() => argumentsOf(said)),
  };
  return requestReceived(SOURCE, request, traceparent, time);
};

/** That the answer to a request is not wanted any more. */
export const cancelled = (request: Cause, reason: CancelReason, time: number): Event<'CancelRequested'> =>
  follow(SOURCE, request, `cancelled ${reason}`, 'CancelRequested', { reason }, time);

/** That the roots of a session's client are others than before. */
export const rootsChanged = (session: string, traceparent: string, time: number): Event<'RootsChanged'> => {
  const id = newId(time);
  return {
    id,
    type: 'RootsChanged',
    source: SOURCE,
    key: session,
    time,
    correlationId: id,
    causationId: '',
    traceparent,
    data: { session },
  };
};

/**
 * A client's answer to a question. Its key is the conversation that its client may speak for, and whoever performs the request
 * takes it only where that is the request's own: so nobody answers for another.
 */
export const inputProvided = (
  { requestId, contextId, traceparent }: { requestId: string; contextId: string; traceparent: string },
  inputId: string,
  outcome: McpOutcome,
  time: number,
): Event<'InputProvided'> => ({
  id: derivedId(requestId, contextId, 'input', inputId),
  type: 'InputProvided',
  source: SOURCE,
  key: contextId,
  time,
  correlationId: requestId,
  causationId: requestId,
  traceparent,
  data: { inputId, payload: within(() => writeOutcome(outcome)) },
});
