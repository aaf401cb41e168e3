/**
 * Circuit breakers as a fold: closed until enough of a target's recent calls failed, open until an instant, then one call
 * may test it (half-open). Time is the events' time.
 */

/** Over this time calls and failures are counted, in two halves of which the older one fades. */
export const WINDOW_MS = 30_000;
/** Which share of the calls in the window must have failed. */
const FAILED_SHARE = 0.5;
const LONGEST_FACTOR = 16;

interface Count {
  calls: number;
  failures: number;
}

/** The one call that tests a target. */
interface Probe {
  at: number;
  /** Names the request and the attempt: where its dispatch was not durable, it is decided on again. */
  call: string;
}

export interface Breaker {
  halfStartedAt: number;
  current: Count;
  previous: Count;
  /** Set while it is open. */
  open: { until: number; probe: Probe | null } | null;
  /** How often it opened since it was last closed by a success. */
  openings: number;
  /** Time of the last opening or closing that was folded. */
  changedAt: number;
}

export const closedBreaker = (): Breaker => ({
  halfStartedAt: 0,
  current: { calls: 0, failures: 0 },
  previous: { calls: 0, failures: 0 },
  open: null,
  openings: 0,
  changedAt: 0,
});

const turn = (breaker: Breaker, time: number): void => {
  const age = time - breaker.halfStartedAt;
  if (age < WINDOW_MS / 2) return;
  breaker.previous = age < WINDOW_MS ? breaker.current : { calls: 0, failures: 0 };
  breaker.current = { calls: 0, failures: 0 };
  breaker.halfStartedAt = time;
};

export const countCall = (breaker: Breaker, time: number): void => {
  turn(breaker, time);
  breaker.current.calls += 1;
};

export const probed = (breaker: Breaker, time: number, call: string): void => {
  if (breaker.open) breaker.open.probe = { at: time, call };
};

export const countFailure = (breaker: Breaker, time: number): void => {
  turn(breaker, time);
  breaker.current.failures += 1;
};

const inWindow = ({ current, previous }: Breaker, what: keyof Count) => current[what] + previous[what];

/** What this call to the target would be: none, an ordinary one, or the one that tests it. */
export const allows = ({ open }: Breaker, time: number, openMs: number, call: string): 'no' | 'yes' | 'probe' => {
  if (!open) return 'yes';
  if (time < open.until) return 'no';
  const { probe } = open;
  // A test of which nothing was heard does not hold the target back for ever.
  return probe && probe.call !== call && time - probe.at < openMs ? 'no' : 'probe';
};

/**
 * What a failure at `time` means, whether it was `counted` already or not: null, or until when the breaker opens and how many
 * failures led to it. A failed test opens it again, for twice as long each time.
 */
export const opensOn = (
  breaker: Breaker,
  time: number,
  { failures, openMs }: { failures: number; openMs: number },
  counted: boolean,
): { until: number; failures: number } | null => {
  const recent = structuredClone(breaker);
  turn(recent, time);
  const count = inWindow(recent, 'failures') + (counted ? 0 : 1);
  const until = time + openMs * Math.min(LONGEST_FACTOR, 2 ** breaker.openings);
  // A call from before the opening may fail late: it tells nothing new.
  if (breaker.open) return breaker.open.probe === null ? null : { until, failures: count };
  const enough = count >= failures && count >= FAILED_SHARE * inWindow(recent, 'calls');
  return enough ? { until, failures: count } : null;
};

export const opened = (breaker: Breaker, time: number, until: number): void => {
  if (time <= breaker.changedAt) return;
  breaker.changedAt = time;
  // Calls that failed before the opening was heard of state it again: the target did not fail a test.
  if (!breaker.open || time >= breaker.open.until) breaker.openings += 1;
  breaker.open = { until, probe: null };
};

export const closed = (breaker: Breaker, time: number): void => {
  if (time <= breaker.changedAt) return;
  Object.assign(breaker, closedBreaker(), { changedAt: time });
};
