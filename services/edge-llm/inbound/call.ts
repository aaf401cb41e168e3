import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { CancelReason, Request } from '../../../schemas/generated.ts';
import { type Caller, subjectOf } from '../../runtime/edge/callers.ts';
import { requestReceived } from '../../runtime/edge/request-received.ts';
import { follow } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import { travellingHeaders } from '../openai/headers.ts';
import type { Interface } from '../openai/protocol.ts';
import type { ReadRequest } from '../openai/read-request.ts';
import type { CallHeaders } from './headers.ts';
import type { Cut } from './known-parts.ts';

export const SOURCE = 'edge-llm';

/** An authenticated call, read whole. */
export interface Call extends CallHeaders {
  /** What is asked, but for the id, which a repetition under an idempotency key may change. */
  asked: Omit<Request, 'id'>;
  traceparent: string;
  /** Told the offset of its RequestReceived, once that is durable. */
  stored(offset: number): void;
}

/** @param now when the call came, milliseconds since the epoch: its time runs from there. */
export const callOf = (
  headers: IncomingHttpHeaders,
  read: CallHeaders,
  body: { whole: Buffer; cut: Cut; request: ReadRequest },
  { protocol, action }: Interface,
  caller: Caller,
  traceparent: string,
  now: number,
): Call => ({
  ...read,
  traceparent,
  stored: body.cut.stored,
  asked: {
    contextId: read.contextId,
    subject: subjectOf(caller),
    action,
    resource: { type: 'model', id: body.request.model },
    protocol,
    deadline: now + read.timeoutMs,
    repeatable: body.request.repeatable,
    streaming: body.request.streaming,
    fingerprint: hash('sha256', body.whole, 'hex'),
    headers: travellingHeaders(headers),
    message: body.cut.message,
    spans: body.cut.spans,
    taskId: '',
    parentTaskId: caller.chain.parentTaskId,
    arguments: {},
  },
});

/** The event that a call is, under this request id. */
export const received = ({ asked, traceparent }: Call, id: string, time: number): Event<'RequestReceived'> =>
  requestReceived(SOURCE, { id, ...asked }, traceparent, time);

/** The event that the answer to a request is not wanted any more. */
export const cancelled = (
  request: Event<'RequestReceived'>,
  reason: CancelReason,
  time: number,
): Event<'CancelRequested'> => follow(SOURCE, request, `cancelled ${reason}`, 'CancelRequested', { reason }, time);
