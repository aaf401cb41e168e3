/** Routing, pure: which target serves each attempt at a permitted request, and which targets are held back. */
import type {
  AttemptFailed,
  Decision,
  Failure,
  FailureReason,
  Request,
  UnroutableReason,
} from '../../schemas/generated.ts';
import {
  type Configuration,
  configuredAs,
  parseConfiguration,
  type TargetConfiguration,
  toolIn,
} from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Folded, Statement } from '../runtime/processor.ts';
import { RecentIds } from '../runtime/recent-ids.ts';
import {
  allows,
  type Breaker,
  closed,
  closedBreaker,
  countCall,
  countFailure,
  opened,
  opensOn,
  probed,
} from './breaker.ts';
import { choose } from './choose.ts';

/** RequestDenied is read so that a permission with the same id, of an instance of policy that was given up, comes second. */
export const reads = ['RequestPermitted', 'RequestDenied', 'AttemptFailed', 'ProbeSucceeded'] as const;
export type RoutingInput = (typeof reads)[number];
export type RoutingOutput = 'RequestDispatched' | 'RequestUnroutable' | 'BreakerOpened' | 'BreakerClosed';

type Dispatched = Folded<'RequestDispatched'>;

export interface RoutingState {
  configuration: Configuration | undefined;
  breakers: Map<string, Breaker>;
  /** What breakers have counted, by partition: it comes again after an append that failed, and when it is recalled. */
  counted: Map<number, RecentIds>;
}

export const initialState = (): RoutingState => ({
  configuration: undefined,
  breakers: new Map(),
  counted: new Map(),
});

const breakerOf = (state: RoutingState, target: string): Breaker => {
  const breaker = state.breakers.get(target) ?? closedBreaker();
  state.breakers.set(target, breaker);
  return breaker;
};

const toolBreaker = (target: string, tool: string): string => `${target}/${tool}`;

/**
 * The breakers that a call to a target passes. A tool has one of its own, so that one that fails does not keep calls away from
 * the others of its server; the server's is for what keeps all of them from being called.
 */
const passedBy = (target: string, tool: string): string[] =>
  tool === '' ? [target] : [target, toolBreaker(target, tool)];

/** The breaker that a failure counts against. */
const blamed = ({ target, tool }: Pick<AttemptFailed, 'target' | 'tool'>): string =>
  tool === '' ? target.id : toolBreaker(target.id, tool);

const isCounted = ({ counted }: RoutingState, partition: number, id: string): boolean =>
  counted.get(partition)?.has(id) ?? false;

/** @returns whether it was not counted before. */
const counts = (state: RoutingState, partition: number, id: string): boolean => {
  if (isCounted(state, partition, id)) return false;
  const ids = state.counted.get(partition) ?? new RecentIds();
  ids.add(id);
  state.counted.set(partition, ids);
  return true;
};

const callOf = (request: { id: string }, attempt: number): string => `${request.id} ${attempt}`;

const evolveDispatched = (state: RoutingState, { id, time, partition, data }: Dispatched): void => {
  const { target, request, attempt, probe } = data;
  const breakers = passedBy(target.id, toolIn(request.resource)).map((name) => breakerOf(state, name));
  // Decided on again, it may go to another target.
  if (counts(state, partition, `${id} ${target.id}`)) for (const breaker of breakers) countCall(breaker, time);
  if (probe) for (const breaker of breakers) probed(breaker, time, callOf(request, attempt));
};

export const evolve = (state: RoutingState, event: Folded): RoutingState => {
  switch (event.type) {
    case 'MeshConfigured':
      state.configuration = parseConfiguration(event.data);
      break;
    case 'RequestDispatched':
      evolveDispatched(state, event);
      break;
    case 'AttemptFailed':
      if (event.data.targetAtFault && counts(state, event.partition, event.id))
        countFailure(breakerOf(state, blamed(event.data)), event.time);
      break;
    case 'BreakerOpened':
      opened(breakerOf(state, event.data.target), event.time, event.data.until);
      break;
    case 'BreakerClosed':
      closed(breakerOf(state, event.data.target), event.time);
      break;
  }
  return state;
};

/** An attempt that is to be made, and what came before it. */
interface Next {
  request: Request;
  decision: Decision;
  time: number;
  attempt: number;
  tried: readonly string[];
  failure: Failure | null;
}

const unroutable = (next: Next, reason: UnroutableReason, version: string): Statement<'RequestUnroutable'> => ({
  type: 'RequestUnroutable',
  index: 'route',
  data: {
    subject: next.request.subject,
    action: next.request.action,
    resource: next.request.resource,
    reason,
    attempts: next.attempt - 1,
    failure: next.failure,
    configurationVersion: version,
  },
});

const reasonOf = ({ tried, failure }: Next, chosen: TargetConfiguration, probe: boolean, among: number): string => {
  const why = probe
    ? `tests ${chosen.id}, whose breaker was open`
    : `weight ${chosen.weight} in tier ${chosen.tier}, ${among} available`;
  if (!failure) return why;
  const status = failure.status === null ? '' : ` ${failure.status}`;
  const how = tried.includes(chosen.id) ? 'another try' : 'failover';
  return `${how} after ${tried.at(-1)} failed (${failure.reason}${status}); ${why}`;
};

/** @param heldBack a target whose breaker opens with this very event. */
const route = (
  next: Next,
  state: RoutingState,
  heldBack?: string,
): Statement<'RequestDispatched' | 'RequestUnroutable'> => {
  const { configuration } = state;
  if (!configuration) return unroutable(next, 'NO_TARGET', '');
  const { version, routing } = configuration;
  const { request, time, attempt, tried, failure } = next;
  const refuse = (reason: UnroutableReason) => unroutable(next, reason, version);
  if (time > request.deadline) return refuse('DEADLINE_EXCEEDED');
  const { type, id } = configuredAs(request.resource);
  const targets = configuration.resources.find((r) => r.type === type && r.id === id)?.targets ?? [];
  if (targets.length === 0) return refuse('NO_TARGET');
  if (attempt > routing.maxAttempts) return refuse('ATTEMPTS_EXHAUSTED');

  const call = callOf(request, attempt);
  const tool = toolIn(request.resource);
  const permitOf = (target: string): ReturnType<typeof allows> => {
    const permits = passedBy(target, tool).map((name) =>
      allows(breakerOf(state, name), time, routing.breaker.openMs, call),
    );
    return permits.find((one) => one === 'no') ?? permits.find((one) => one === 'probe') ?? 'yes';
  };
  const permits = new Map(targets.map((t) => [t.id, permitOf(t.id)]));
  const available = targets.filter((t) => t.id !== heldBack && permits.get(t.id) !== 'no');
  const untried = available.filter((t) => !tried.includes(t.id));
  // A target that asked for patience, or is wrongly set up, is not asked again at once.
  const again = failure && (failure.reason === 'RATE_LIMITED' || failure.reason === 'MISCONFIGURED') ? [] : available;
  const candidates = untried.length > 0 ? untried : again;
  const chosen = choose(candidates, `${request.id} ${attempt}`);
  if (!chosen) return refuse(failure ? 'ATTEMPTS_EXHAUSTED' : 'BREAKERS_OPEN');
  const probe = permits.get(chosen.id) === 'probe';
  return {
    type: 'RequestDispatched',
    index: 'route',
    data: {
      request,
      decision: next.decision,
      target: { id: chosen.id, connection: chosen.connection, name: chosen.name },
      attempt,
      tried: [...tried],
      probe,
      reason: reasonOf(next, chosen, probe, candidates.length),
      configurationVersion: version,
    },
  };
};

const ANSWERED: ReadonlySet<FailureReason> = new Set(['REQUEST_REFUSED', 'RATE_LIMITED', 'RESPONSE_TOO_LARGE']);

/** Whether the target did answer. Limits of the mesh's own, which have no status, are kept before it is called. */
const isAnswer = ({ reason, status }: Failure): boolean =>
  ANSWERED.has(reason) && (reason !== 'RATE_LIMITED' || status !== null);

/** Closes those of the breakers that a call passed which are open. */
const close = (state: RoutingState, target: string, tool: string, reason: string): Statement<'BreakerClosed'>[] =>
  passedBy(target, tool)
    .filter((name) => breakerOf(state, name).open)
    .map((name) => ({
      type: 'BreakerClosed',
      index: name === target ? 'breaker' : 'tool-breaker',
      key: name,
      data: { target: name, reason },
    }));

const judge = (
  event: AnyRecorded<'AttemptFailed'>,
  state: RoutingState,
): Statement<'BreakerOpened' | 'BreakerClosed'>[] => {
  const { target, failure, targetAtFault, tool } = event.data;
  if (!targetAtFault)
    return isAnswer(failure) ? close(state, target.id, tool, `it answers again (${failure.reason})`) : [];
  if (!state.configuration) return [];
  const name = blamed(event.data);
  const counted = isCounted(state, event.partition, event.id);
  const opens = opensOn(breakerOf(state, name), event.time, state.configuration.routing.breaker, counted);
  if (!opens) return [];
  const reason = `${opens.failures} recent calls failed, the last with ${failure.reason}: ${failure.message}`;
  return [{ type: 'BreakerOpened', index: 'breaker', key: name, data: { target: name, reason, ...opens } }];
};

export const decide = (event: AnyRecorded<RoutingInput>, state: RoutingState): Statement<RoutingOutput>[] => {
  switch (event.type) {
    case 'RequestPermitted': {
      const { request, decision } = event.data;
      return [route({ request, decision, time: event.time, attempt: 1, tried: [], failure: null }, state)];
    }
    case 'RequestDenied':
      return [];
    case 'AttemptFailed': {
      const judged = judge(event, state);
      const { request, decision, attempt, tried, failure, retryable, target } = event.data;
      if (!retryable || !request || !decision) return judged;
      const heldBack = judged.some((statement) => statement.type === 'BreakerOpened') ? target.id : undefined;
      return [
        ...judged,
        route({ request, decision, time: event.time, attempt: attempt + 1, tried, failure }, state, heldBack),
      ];
    }
    case 'ProbeSucceeded':
      return close(state, event.data.target.id, event.data.tool, 'it served a call');
  }
};
