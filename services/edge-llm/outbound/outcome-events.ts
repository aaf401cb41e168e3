/** What is said about a dispatch. The ids follow from the dispatch and from what is said: said again, it is the same event. */
import type * as mesh from '../../../schemas/generated.ts';
import type { EventData, Writes } from '../../../topics/index.ts';
import { derivedId, follow } from '../../runtime/event.ts';
import type { Event, Recorded } from '../../runtime/log.ts';
import { faultOf } from './faults.ts';
import type { Completed, Failed } from './performed.ts';

export type Dispatch = Recorded<'RequestDispatched'>;
type Saying = Writes['edge-llm'];

const SERVICE = 'edge-llm';

/** Says something that follows from a dispatch. @param traceparent of the span that it belongs to. */
export const saying = (dispatch: Dispatch, traceparent: string, now: () => number) => {
  const { id, key, correlationId } = dispatch;
  return <T extends Saying>(index: string, type: T, data: EventData[T]): Event<T> =>
    follow(SERVICE, { id, key, correlationId, traceparent }, index, type, data, now());
};

type Say = ReturnType<typeof saying>;

/**
 * The end of a request. Whatever it is and whichever attempt it is of, it has one id: should two instances state one each, all
 * who read it count the first.
 */
const outcome = <T extends 'ResponseCompleted' | 'ResponseFailed'>(say: Say, type: T, data: EventData[T]): Event<T> => {
  const event = say('outcome', type, data);
  return { ...event, id: derivedId(event.correlationId, SERVICE, 'outcome') };
};

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

export const responseFailed = (say: Say, data: mesh.RequestDispatched, failed: Failed, chunks: number) =>
  outcome(say, 'ResponseFailed', {
    ...asked(data),
    failure: failed.failure,
    chunks,
    meters: failed.meters,
    estimated: failed.estimated,
  });

export const attemptFailed = (
  say: Say,
  data: mesh.RequestDispatched,
  { failure, targetAtFault, retryable }: Failed,
) => {
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
  });
};

export const responseCompleted = (say: Say, data: mesh.RequestDispatched, completed: Completed, chunks: number) => {
  const { status, headers, message, meters, estimated, startedAt, firstByteAt } = completed;
  return outcome(say, 'ResponseCompleted', {
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
