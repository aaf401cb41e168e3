/** What a conversation came to. */
import type { AnyRecorded } from '../services/runtime/log.ts';
import { instant, lasting, many, money, used } from './figures.ts';
import { plain } from './text.ts';
import { type RequestSoFar, tasksOf } from './timeline-requests.ts';

const outcomes = {
  ResponseCompleted: 'served',
  ResponseFailed: 'failed',
  RequestDenied: 'denied',
  RequestUnroutable: 'unroutable',
};

/** A turn is over whatever became of the task: how it ended is how the request ended. */
const ofTurns: Readonly<Record<string, string>> = {
  TASK_STATE_FAILED: 'failed',
  TASK_STATE_REJECTED: 'failed',
  TASK_STATE_CANCELED: 'cancelled',
};

const note = (event: AnyRecorded, request: RequestSoFar): void => {
  if (event.type === 'CancelRequested' && request.outcome === 'unanswered') request.outcome = 'cancelled';
  if (event.type === 'TaskUpdated') request.state = event.data.state;
  if (event.type in outcomes) request.outcome = outcomes[event.type as keyof typeof outcomes];
  if (event.type === 'ResponseCompleted') request.outcome = ofTurns[request.state] ?? request.outcome;
  const { request: carried } = tasksOf(event);
  if (!carried) return;
  request.protocol = carried.protocol;
  request.action = carried.action;
};

export class Sums {
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  readonly #meters: Record<string, number> = {};
  readonly #nanos: Record<string, number> = {};
  readonly #agents = new Set<string>();
  readonly #people = new Set<string>();

  /** Takes in an event of a request. What cannot be read is told of as such, and counts for nothing. */
  add(event: AnyRecorded, request: RequestSoFar): void {
    this.#first = Math.min(this.#first, event.time);
    this.#last = Math.max(this.#last, event.time);
    try {
      note(event, request);
      this.#count(event);
    } catch {}
  }

  /** @param requests those that the events were of. */
  lines(requests: readonly RequestSoFar[]): string[] {
    const ends = [...Map.groupBy(requests, ({ outcome }) => outcome)].map(([end, of]) => `${of.length} ${end}`);
    const cost = Object.entries(this.#nanos).map(([currency, nanos]) => money(nanos, currency));
    return [
      '',
      `${many(requests.length, 'request')} (${ends.join(', ')}) in ${lasting(this.#last - this.#first)}, from ${instant(this.#first)} on`,
      ...(requests.some(({ action }) => action === 'agent.send') ? [this.#whoDidWhat(requests)] : []),
      ...(cost.length > 0 ? [[used(this.#meters), ...cost].filter(Boolean).join(', ')] : []),
    ];
  }

  #whoDidWhat(requests: readonly RequestSoFar[]): string {
    const kinds = [...Map.groupBy(requests, ({ action }) => action || 'unknown')];
    const calls = kinds.map(([action, of]) => `${of.length} ${action}`).join(', ');
    return plain(`${calls}; by ${[...this.#agents].join(', ')} for ${[...this.#people].join(', ')}`, 1_000);
  }

  #count(event: AnyRecorded): void {
    if (event.type === 'RequestReceived') {
      const { actors, agent, person } = event.data.request.subject;
      for (const name of [...actors, agent]) this.#agents.add(name);
      this.#people.add(person);
    }
    // Who was asked and not let through took no part.
    if (event.type === 'RequestDispatched' && event.data.request.resource.type === 'agent')
      this.#agents.add(event.data.request.resource.id);
    if (event.type !== 'UsageRecorded') return;
    const { meters, costNanos, currency } = event.data;
    for (const [meter, amount] of Object.entries(meters)) this.#meters[meter] = (this.#meters[meter] ?? 0) + amount;
    this.#nanos[currency] = (this.#nanos[currency] ?? 0) + costNanos;
  }
}
