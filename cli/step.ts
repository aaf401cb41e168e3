/** What an event says, in a word and a line: what `tail` and `replay` print. */
import type { Decision, Failure, Request, Subject, Target } from '../schemas/generated.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import type { EventData, EventType } from '../topics/index.ts';
import { instant, lasting, many, money, used } from './figures.ts';
import { plain } from './text.ts';

export interface Step {
  /** What became of the request. */
  word: string;
  /** What else the event says. */
  text: string;
}

/** Turns a protocol's message into a line; undefined: messages are not shown. */
export type Excerpt = ((message: Buffer) => string) | undefined;

/** The reason, the policies that it does not name itself, and what they were in force with. */
const ruled = ({ policies, configurationVersion, reason }: Decision): string => {
  const unnamed = policies.filter((policy) => !reason.includes(policy));
  return [
    reason,
    ...(unnamed.length > 0 ? [`by ${unnamed.join(', ')}`] : []),
    `under configuration ${configurationVersion || 'none'}`,
  ].join(', ');
};

const failed = ({ reason, status, message, retryAfterMs }: Failure): string =>
  [
    reason,
    status === null ? '' : ` ${status}`,
    `: ${message}`,
    retryAfterMs === null ? '' : `, retry after ${lasting(retryAfterMs)}`,
  ].join('');

const attemptAt = (target: Target, attempt: number): string => `attempt ${attempt} at ${target.id}`;

/** Who asks, through whom it came to it, and on whose behalf. */
export const who = ({ actors, agent, person }: Subject): string => `${[...actors, agent].join(' → ')} for ${person}`;

/** What is asked, of what. */
export const what = ({ action, resource }: Pick<Request, 'action' | 'resource'>): string => `${action} ${resource.id}`;

const steps = {
  RequestReceived: ({ request }, excerpt) => ({
    word: 'received',
    text: [
      request.protocol,
      ...(request.streaming ? ['to be streamed'] : []),
      ...(excerpt ? [excerpt(request.message)] : []),
      ...(excerpt && request.spans.length > 0 ? ['the rest is no longer in the log'] : []),
    ].join(', '),
  }),
  RequestPermitted: ({ decision }) => ({ word: 'permitted', text: ruled(decision) }),
  RequestDenied: ({ decision, reason }) => ({ word: 'denied', text: `${reason}: ${ruled(decision)}` }),
  RequestDispatched: ({ target, attempt, probe, reason }) => ({
    word: 'dispatched',
    text: `${attemptAt(target, attempt)}${probe ? ', to test it' : ''}: ${reason}`,
  }),
  RequestUnroutable: ({ reason, attempts, failure }) => ({
    word: 'unroutable',
    text: `${reason} after ${many(attempts, 'attempt')}${failure ? `, the last: ${failed(failure)}` : ''}`,
  }),
  AttemptBegun: ({ target, attempt }) => ({ word: 'begun', text: `${attemptAt(target, attempt)}, not safe to repeat` }),
  AttemptFailed: ({ target, attempt, failure, retryable }) => ({
    word: 'attempt failed',
    text: `${attemptAt(target, attempt)}: ${failed(failure)}${retryable ? '' : ', for good'}`,
  }),
  ProbeSucceeded: ({ target }) => ({ word: 'probe succeeded', text: `${target.id} serves again` }),
  ServerObserved: ({ protocolVersions, problem }) => ({
    word: 'server observed',
    text: problem || `speaks MCP ${protocolVersions.join(', ')}`,
  }),
  DefinitionObserved: ({ server, kind, name, digest, findings }) => ({
    word: 'definition observed',
    text: `${kind} ${server}/${name}${digest === '' ? ' is gone' : ''}${findings.length > 0 ? `, suspicious: ${findings.join('; ')}` : ''}`,
  }),
  DefinitionReviewed: ({ server, kind, name, verdict, by, note }) => ({
    word: 'definition reviewed',
    text: `${kind} ${server}/${name} ${verdict} by ${by}${note ? `: ${note}` : ''}`,
  }),
  SessionChanged: ({ endpoint, protocolVersion, closed }) => ({
    word: closed ? 'session closed' : 'session',
    text: `/mcp${endpoint && `/${endpoint}`}, ${protocolVersion}`,
  }),
  RootsChanged: () => ({ word: 'roots changed', text: '' }),
  InputProvided: ({ inputId, payload }, excerpt) => ({
    word: 'answered',
    text: [inputId, ...(excerpt ? [excerpt(payload)] : [])].join(', '),
  }),
  ListChanged: ({ server, kind }) => ({ word: 'list changed', text: `${kind} of ${server}` }),
  ResourceChanged: ({ server, uri }) => ({ word: 'resource changed', text: `${server}/${uri}` }),
  ResponseChunk: ({ index, attempt }) => ({ word: 'chunk', text: `${index} of attempt ${attempt}` }),
  ResponseCompleted: ({ target, status, chunks, startedAt, firstByteAt, message }, excerpt) => ({
    word: 'completed',
    text: [
      `${status} from ${target.id}`,
      `first byte after ${lasting(Math.max(0, firstByteAt - startedAt))}`,
      ...(chunks > 0 ? [many(chunks, 'chunk')] : []),
      ...(excerpt ? [excerpt(message)] : []),
    ].join(', '),
  }),
  ResponseFailed: ({ target, attempt, failure, chunks }) => ({
    word: 'failed',
    text: `${attemptAt(target, attempt)}${chunks > 0 ? ` after ${many(chunks, 'chunk')}` : ''}: ${failed(failure)}`,
  }),
  CancelRequested: ({ reason }) => ({ word: 'cancelled', text: reason }),
  UsageRecorded: ({ meters, estimated, costNanos, currency, priced, configurationVersion }) => ({
    word: 'used',
    text: [
      used(meters) || 'nothing that is counted',
      ...(estimated ? ['counted by the mesh'] : []),
      priced
        ? `${money(costNanos, currency)} by the prices of ${configurationVersion}`
        : `${money(costNanos, currency)}, not everything has a price`,
    ].join(', '),
  }),
  AuthenticationFailed: ({ protocol, reason, credential, count }) => ({
    word: 'turned away',
    text: `${protocol}: ${reason}${credential ? `, ${credential}` : ''}${count > 1 ? `, ${count} times` : ''}`,
  }),
  BreakerOpened: ({ target, reason, until }) => ({
    word: 'breaker opened',
    text: `${target} until ${instant(until)}: ${reason}`,
  }),
  BreakerClosed: ({ target, reason }) => ({ word: 'breaker closed', text: `${target}: ${reason}` }),
  MeshConfigured: ({ version, previousVersion }) => ({
    word: 'configured',
    text: `${version}${previousVersion ? ` after ${previousVersion}` : ''}`,
  }),
  IdempotencyKeyUsed: ({ requestId }) => ({ word: 'key used', text: `names request ${requestId}` }),
  EffectSettled: ({ happened, by, note }) => ({
    word: 'settled',
    text: `it ${happened ? 'happened' : 'did not happen'}, says ${by}: ${note}`,
  }),
  EventDeadLettered: ({ service, topic, partition, offset, reason }) => ({
    word: 'dead letter',
    text: `${service} could not process ${topic} ${partition}/${offset}: ${reason}`,
  }),
  TaskReported: ({ taskId, agent, turn }) => ({
    word: 'reported',
    text: `${agent} on task ${taskId}${turn ? `, a turn for ${turn.subject.person}` : ''}`,
  }),
  CallReported: ({ taskId, agent, action, resource }) => ({
    word: 'wants to call',
    text: `${agent}, in task ${taskId}: ${action} on ${resource.type} ${resource.id}`,
  }),
  SleepReported: ({ taskId, agent, at }) => ({
    word: 'wants to sleep',
    text: `${agent}, in task ${taskId}: until ${instant(at)}`,
  }),
  TaskUpdated: ({ taskId, agent, sequence, state }) => ({
    word: 'task',
    text: `${taskId} of ${agent}: ${state} (update ${sequence})`,
  }),
  ReportRefused: ({ taskId, agent, reason, message }) => ({
    word: 'not taken',
    text: `what ${agent} said of task ${taskId}: ${reason}, ${message}`,
  }),
  TaskSnapshot: ({ taskId, agent, state, sequence }) => ({
    word: 'task stands',
    text: `${taskId} of ${agent}: ${state} (update ${sequence})`,
  }),
  TimerSet: ({ taskId, purpose, at }) => ({ word: 'timer set', text: `${purpose} of task ${taskId}: ${instant(at)}` }),
  TimerFired: ({ taskId, purpose }) => ({ word: 'timer fired', text: `${purpose} of task ${taskId}` }),
  TimerCleared: ({ taskId, purpose }) => ({ word: 'timer cleared', text: `${purpose} of task ${taskId}` }),
  TaskCancelRequested: ({ taskId, subject, reason }) => ({
    word: 'cancel task',
    text: `${taskId} by ${who(subject)}: ${reason}`,
  }),
  AgentCardPublished: ({ agent, signature }) => ({ word: 'card', text: `of ${agent}, ${signature}` }),
  AgentCardRefused: ({ agent, reason }) => ({ word: 'card refused', text: `of ${agent}: ${reason}` }),
  LoggedIn: ({ server, issuer, by }) => ({ word: 'logged in', text: `to ${server}, by ${by} at ${issuer}` }),
  LoggedOut: ({ server, by, reason }) => ({ word: 'logged out', text: `of ${server}, says ${by}: ${reason}` }),
  LoginRefused: ({ server }) => ({ word: 'login refused', text: `by ${server}` }),
  PushConfigurationSet: ({ taskId, url }) => ({ word: 'push to', text: `${url} on updates of task ${taskId}` }),
  PushConfigurationDeleted: ({ taskId }) => ({ word: 'push no more', text: `on updates of task ${taskId}` }),
  PushDelivered: ({ taskId, sequence, attempts }) => ({
    word: 'pushed',
    text: `update ${sequence} of task ${taskId}${attempts > 1 ? `, attempt ${attempts}` : ''}`,
  }),
  PushFailed: ({ taskId, sequence, attempts, reason }) => ({
    word: 'push failed',
    text: `update ${sequence} of task ${taskId}, ${attempts} attempts: ${reason}`,
  }),
  MessageDelivered: ({ agent, taskId, continues }) => ({
    word: 'delivered',
    text: `a message to ${agent}, ${continues ? 'of' : 'for a new'} task ${taskId}`,
  }),
  CallAnswered: ({ agent, callId, outcome, reason }) => ({
    word: 'answered',
    text: `call ${callId} of ${agent}: ${outcome}${reason ? `, ${reason}` : ''}`,
  }),
  CallUpdated: ({ agent, callId, state }) => ({ word: 'call updated', text: `${callId} of ${agent}: ${state}` }),
  TimerElapsed: ({ agent, timerId }) => ({ word: 'woken', text: `${agent}, timer ${timerId}` }),
  CancelDelivered: ({ agent, taskId, reason }) => ({
    word: 'told to stop',
    text: `${agent}, task ${taskId}: ${reason}`,
  }),
  ReportReturned: ({ agent, taskId, reason, message }) => ({
    word: 'returned',
    text: `to ${agent}, task ${taskId}: ${reason}, ${message}`,
  }),
  AgentAnnounced: ({ agent }) => ({ word: 'announced', text: agent }),
  AgentReported: ({ agent, taskId }) => ({ word: 'says', text: `${agent}, of task ${taskId}` }),
  AgentCalled: ({ agent, taskId, action, resource }) => ({
    word: 'calls',
    text: `${agent}, in task ${taskId}: ${action} on ${resource.type} ${resource.id}`,
  }),
  AgentSlept: ({ agent, taskId, at }) => ({
    word: 'sleeps',
    text: `${agent}, in task ${taskId}: until ${instant(at)}`,
  }),
  StepRecorded: ({ agent, taskId, step, name, failed }) => ({
    word: 'step',
    text: `${step} of ${agent}, in task ${taskId}: ${name}${failed ? ' threw' : ''}`,
  }),
  AuditEntry: ({ sequence, eventType, outcome }) => ({
    word: 'audited',
    text: `${sequence}: ${eventType}, ${outcome}`,
  }),
} satisfies { [T in EventType]: (data: EventData[T], excerpt: Excerpt) => Step };

/** An event that cannot be read is a step as well. */
export const stepOf = (event: AnyRecorded, excerpt?: Excerpt): Step => {
  try {
    const describe = steps[event.type] as (data: unknown, excerpt: Excerpt) => Step;
    const { word, text } = describe(event.data, excerpt);
    return { word, text: plain(text, 400) };
  } catch (error) {
    const reason = event.type in steps ? (error as Error).message : `this version does not know ${event.type}`;
    return { word: 'unreadable', text: plain(`${event.topic} ${event.partition}/${event.offset}: ${reason}`) };
  }
};
