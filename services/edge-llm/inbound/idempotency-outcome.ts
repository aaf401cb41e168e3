import type { FailureReason } from '../../../schemas/generated.ts';
import type { AnswerEvent } from './events.ts';

/** No upstream did anything: it was not reached, refused because of its load or of our key, or was never called. */
const nothingPerformed: ReadonlySet<FailureReason> = new Set([
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'RATE_LIMITED',
  'MISCONFIGURED',
]);

/**
 * What an event says about whether its request was performed; undefined where that is still open.
 * answered: there is an answer, or a refusal of the request itself by its upstream (REQUEST_REFUSED, a 4xx): it is the
 * answer to that body, and is given again.
 * nothing: the mesh refused it, or no upstream did anything.
 * perhaps: after any other failure (a timeout, a lost connection, a 5xx, a cancellation, a crash).
 */
export const performedBy = (event: AnswerEvent): 'answered' | 'nothing' | 'perhaps' | undefined => {
  const after = (reason: FailureReason) => {
    if (nothingPerformed.has(reason)) return 'nothing';
    return reason === 'REQUEST_REFUSED' ? 'answered' : 'perhaps';
  };
  switch (event.type) {
    case 'RequestDenied':
      return 'nothing';
    case 'RequestUnroutable':
      return event.data.failure === null ? 'nothing' : after(event.data.failure.reason);
    case 'ResponseFailed':
      return after(event.data.failure.reason);
    case 'ResponseCompleted':
      return 'answered';
    default:
      return undefined;
  }
};

/**
 * Whether a request with the same idempotency key makes a new call after this event of the earlier one: where nothing was
 * performed (the same call may be allowed or find its target now), and where perhaps something was, but doing it twice does
 * no harm or, on a closer look, it was never begun. Else the caller is told of the earlier one's end again.
 * @param repeatable whether performing the request twice does no harm beyond its cost.
 * @param begun takes that closer look.
 */
export const makesNewCall = async (
  event: AnswerEvent,
  repeatable: boolean,
  begun: () => Promise<boolean>,
): Promise<boolean> => {
  const performed = performedBy(event);
  if (performed === 'nothing') return true;
  return performed === 'perhaps' && (repeatable || !(await begun()));
};
