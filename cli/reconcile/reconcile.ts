/** An upstream's access log against the mesh's: every call must have its dispatch, and every dispatch that was answered its call. */
import type { AccessCall } from './access-log.ts';
import type { Dispatched } from './dispatches.ts';

/** Milliseconds since the epoch, both included. */
export interface Period {
  since: number;
  until: number;
}

export interface DarkCall extends AccessCall {
  /** Why it counts as dark, for a person to read. */
  why: string;
}

/** A dispatch of which the access log has several calls. */
export interface Repeated {
  dispatch: Dispatched;
  lines: number[];
}

export interface Reconciliation {
  period: Period;
  /** Calls of the access log within the period. */
  calls: number;
  /** Those of them that are in the mesh's log. */
  known: number;
  /** Those of the known ones that came without the id of their dispatch, and were found by that of their answer. */
  knownByAnswer: number;
  /** known of calls in per cent, rounded down to hundredths; null where there are no calls. */
  coverage: number | null;
  /** Calls that are not in the mesh's log. */
  dark: DarkCall[];
  /** Dispatches that were answered, by what the mesh's log says, and are not in the access log. */
  missing: Dispatched[];
  repeated: Repeated[];
  /** Dispatches that the access log need not have, by how they ended. */
  explained: Record<string, number>;
  /** Answered dispatches so near to the edge of the period that a clock may have put their calls outside. */
  atTheEdge: number;
  /** Connections of the calls that are known. */
  connections: string[];
}

export interface Reconciling {
  period: Period;
  /** By how much the clocks of mesh and upstream may differ. */
  clocksApartMs: number;
  /** Whether the access log answers for this dispatch. */
  concerns(dispatch: Dispatched): boolean;
}

/** The span of the calls; undefined where none says when it was. */
export const spanOf = (calls: readonly AccessCall[]): Period | undefined => {
  let [since, until] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { at } of calls) {
    if (at < since) since = at;
    if (at > until) until = at;
  }
  return since <= until ? { since, until } : undefined;
};

const add = <K, V>(lists: Map<K, V[]>, key: K, value: V) => {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
};

/** Which dispatch each call belongs to: by its id, else by that of its answer, of which each is taken once. */
const matched = (calls: readonly AccessCall[], concerned: readonly Dispatched[]) => {
  const byId = new Map(concerned.map((dispatch) => [dispatch.id, dispatch]));
  const of = new Map<AccessCall, Dispatched>();
  const taken = new Set<string>();
  for (const call of calls) {
    const dispatch = byId.get(call.id);
    if (!dispatch) continue;
    of.set(call, dispatch);
    taken.add(dispatch.id);
  }
  const byAnswer = new Map<string, Dispatched[]>();
  for (const dispatch of concerned)
    if (dispatch.responseId !== '' && !taken.has(dispatch.id)) add(byAnswer, dispatch.responseId, dispatch);
  const found = new Set<AccessCall>();
  for (const call of calls) {
    const dispatch = of.has(call) || call.responseId === '' ? undefined : byAnswer.get(call.responseId)?.shift();
    if (!dispatch) continue;
    of.set(call, dispatch);
    found.add(call);
  }
  return { of, found };
};

const whyDark = ({ id }: AccessCall, elsewhere: Dispatched | undefined): string => {
  if (id === '') return 'came without x-client-request-id';
  if (elsewhere) return `was dispatched to ${elsewhere.target}`;
  return 'no dispatch has this id';
};

/**
 * Compares. A call whose time is not said counts as one of the period.
 * @param dispatches from well before the period, since a call may take long and be logged at its end.
 */
export const reconcile = (
  calls: readonly AccessCall[],
  dispatches: readonly Dispatched[],
  { period, clocksApartMs, concerns }: Reconciling,
): Reconciliation => {
  const { since, until } = period;
  const isWithin = ({ at }: AccessCall) => !(at < since || at > until);
  const concerned = dispatches.filter(concerns);
  const { of, found } = matched(calls, concerned);
  const within = calls.filter(isWithin);
  const elsewhere = new Map(dispatches.map((dispatch) => [dispatch.id, dispatch]));
  const dark = within
    .filter((call) => !of.has(call))
    .map((call) => ({ ...call, why: whyDark(call, elsewhere.get(call.id)) }));
  const lines = new Map<Dispatched, number[]>();
  for (const call of within) {
    const dispatch = of.get(call);
    if (dispatch) add(lines, dispatch, call.line);
  }
  const called = new Set(of.values());
  const uncalled = concerned.filter(
    (one) => !called.has(one) && one.at <= until + clocksApartMs && !(one.endedAt < since - clocksApartMs),
  );
  const isSurelyWithin = ({ at, endedAt }: Dispatched) =>
    at >= since + clocksApartMs && endedAt <= until - clocksApartMs;
  const answered = uncalled.filter(({ fate }) => fate === 'answered');
  const missing = answered.filter(isSurelyWithin);
  const explained: Record<string, number> = {};
  for (const { fate, end } of uncalled) if (fate !== 'answered') explained[end] = (explained[end] ?? 0) + 1;
  const known = within.length - dark.length;
  return {
    period,
    calls: within.length,
    known,
    knownByAnswer: within.filter((call) => found.has(call)).length,
    coverage: within.length === 0 ? null : Math.floor((known * 10_000) / within.length) / 100,
    dark,
    missing,
    repeated: [...lines].filter(([, of]) => of.length > 1).map(([dispatch, of]) => ({ dispatch, lines: of })),
    explained,
    atTheEdge: answered.length - missing.length,
    connections: [...new Set([...lines.keys()].map(({ connection }) => connection))].sort(),
  };
};

/** Whether nothing is amiss. A call that is safe to repeat may have come twice; one that is not must not have. */
export const isClean = ({ dark, missing, repeated }: Reconciliation): boolean =>
  dark.length === 0 && missing.length === 0 && repeated.every(({ dispatch }) => dispatch.repeatable);
