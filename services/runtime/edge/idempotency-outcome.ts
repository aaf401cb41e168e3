import type { EffectSettled, FailureReason } from '../../../schemas/generated.ts';
import type { AnyRecorded } from '../log.ts';

/** No upstream did anything: it was not reached, refused because of its load or of our key, or was never called. */
const nothingPerformed: ReadonlySet<FailureReason> = new Set([
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'RATE_LIMITED',
  'MISCONFIGURED',
]);

const after = (reason: FailureReason) => {
  if (nothingPerformed.has(reason)) return 'nothing';
  return reason === 'REQUEST_REFUSED' ? 'answered' : 'perhaps';
};

/** Whether a call that was sent, and ended so, may have taken effect though its caller has no answer. */
export const mayHaveActed = (reason: FailureReason): boolean => after(reason) === 'perhaps';

/**
 * What an event says about whether its request was performed; undefined where that is still open.
 * answered: there is an answer, or a refusal of the request itself by its upstream (REQUEST_REFUSED, a 4xx): it is the
 * answer to that body, and is given again.
 * nothing: the mesh refused it, or no upstream did anything.
 * perhaps: after any other failure (a timeout, a lost connection, a 5xx, a cancellation, a crash).
 */
export const performedBy = (event: AnyRecorded): 'answered' | 'nothing' | 'perhaps' | undefined => {
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

/** What is found out of a request that perhaps was performed, by looking closer. */
export interface CloserLook {
  /** Whether it was begun. */
  begun(): Promise<boolean>;
  /** What somebody found out of it, where somebody did. */
  settled(): Promise<EffectSettled | undefined>;
}

/**
 * What becomes of a request with the same idempotency key after this event of the earlier one. again: a new call is made, where
 * nothing was performed (the same call may be allowed or find its target now), and where perhaps something was, but doing it
 * twice does no harm, or it was never begun, or somebody found that it did not take effect. Else the caller is told of the
 * earlier one's end again, or of what somebody found.
 * @param repeatable whether performing the request twice does no harm beyond its cost.
 */
export const afterEarlier = async (
  event: AnyRecorded,
  repeatable: boolean,
  { begun, settled }: CloserLook,
): Promise<'again' | 'told' | EffectSettled> => {
  const performed = performedBy(event);
  if (performed === 'nothing') return 'again';
  if (performed !== 'perhaps') return 'told';
  if (repeatable || !(await begun())) return 'again';
  const settlement = await settled();
  if (!settlement) return 'told';
  return settlement.happened ? settlement : 'again';
};

/** What somebody found, for whoever asked again. */
export const inWords = ({ by, note }: Pick<EffectSettled, 'by' | 'note'>): string =>
  `The call took effect, as ${by} found out: ${note}`;
