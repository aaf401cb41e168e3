/**
 * What any outbound edge says about a dispatch. The ids follow from the dispatch and from what is said: said again, it is the
 * same event.
 */
import type * as mesh from '../../../schemas/generated.ts';
import type { EventData, Writes } from '../../../topics/index.ts';
import { follow } from '../event.ts';
import type { Event, Recorded } from '../log.ts';
import { type Fault, faultOf } from './faults.ts';

export type Dispatch = Recorded<'RequestDispatched'>;

/** What was used, by meter. */
export type Meters = Record<string, number>;

export interface Completed {
  kind: 'completed';
  status: number;
  headers: Record<string, string>;
  /** The whole answer in the client's protocol, of a stream too. */
  message: Buffer;
  meters: Meters;
  estimated: boolean;
  startedAt: number;
  firstByteAt: number;
}

export interface Failed extends Fault {
  kind: 'failed';
  meters: Meters;
  estimated: boolean;
}

/**
 * Says something that follows from a dispatch.
 * @param source the edge that says it.
 * @param traceparent of the span that it belongs to.
 */
export const saying = <S extends keyof Writes>(
  source: S,
  dispatch: Dispatch,
  traceparent: string,
  now: () => number,
) => {
  const { id, key, correlationId } = dispatch;
  return <T extends Writes[S]>(index: string, type: T, data: EventData[T]): Event<T> =>
    follow(source, { id, key, correlationId, traceparent }, index, type, data, now());
};

type OfDispatch = 'AttemptBegun' | 'AttemptFailed' | 'ResponseCompleted' | 'ResponseFailed';
/** As `saying` makes it. */
export type Say = <T extends OfDispatch>(index: string, type: T, data: EventData[T]) => Event<T>;

const asked = ({ request, target, attempt }: mesh.RequestDispatched) => ({
  subject: request.subject,
  action: request.action,
  resource: request.resource,
  target,
  attempt,
});

/** A failure of the mesh's own finding: final, and nobody's fault. */
export const failedOf = (reason: mesh.FailureReason, message: string): Failed => ({
  kind: 'failed',
  ...faultOf(reason, message, false),
  retryable: false,
  meters: {},
  estimated: false,
});

/** What is stated before a call that is not safe to repeat. */
export const attemptBegun = (say: Say, { target, attempt }: mesh.RequestDispatched) =>
  say('begun', 'AttemptBegun', { target, attempt });

/** The end of a request without an answer. @param chunks how many of its answer were stated. */
export const responseFailed = (say: Say, data: mesh.RequestDispatched, failed: Failed, chunks: number) =>
  say('outcome', 'ResponseFailed', {
    ...asked(data),
    failure: failed.failure,
    chunks,
    meters: failed.meters,
    estimated: failed.estimated,
  });

/** The end of an attempt; where it is retryable routing goes on from it, else `responseFailed` says the same. */
export const attemptFailed = (say: Say, data: mesh.RequestDispatched, fault: Fault) => {
  const { failure, targetAtFault, retryable, tool = '' } = fault;
  const { request, decision, target, attempt, tried } = data;
  return say('attempt-failed', 'AttemptFailed', {
    target,
    attempt,
    tried: [...tried, target.id],
    failure,
    targetAtFault,
    retryable,
    request: retryable ? request : null,
    decision: retryable ? decision : null,
    tool,
  });
};

/** The end of a request with its answer. @param chunks how many of it were stated. */
export const responseCompleted = (say: Say, data: mesh.RequestDispatched, completed: Completed, chunks: number) => {
  const { status, headers, message, meters, estimated, startedAt, firstByteAt } = completed;
  return say('outcome', 'ResponseCompleted', {
    ...asked(data),
    status,
    headers,
    message,
    chunks,
    meters,
    estimated,
    startedAt,
    firstByteAt,
  });
};
