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

/** Who asks, and on whose behalf. */
export const who = ({ agent, person }: Subject): string => `${agent} for ${person}`;

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
  EventDeadLettered: ({ service, topic, partition, offset, reason }) => ({
    word: 'dead letter',
    text: `${service} could not process ${topic} ${partition}/${offset}: ${reason}`,
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
