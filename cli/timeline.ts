/** A conversation as a person reads it: each request, and under it what became of it, with the time since it was made. */
import type { AnyRecorded } from '../services/runtime/log.ts';
import { conversationTopics } from './conversation.ts';
import { excerpt } from './excerpt.ts';
import { clock, instant, lasting, many, money, used } from './figures.ts';
import { stepOf, what, who } from './step.ts';
import { plain } from './text.ts';

const stage = ({ topic }: AnyRecorded): number => conversationTopics.indexOf(topic);

/** Causes before what they caused, and else by time: clocks of several machines differ. An event said twice is there once. */
export const inOrder = (events: readonly AnyRecorded[]): AnyRecorded[] => {
  const byId = new Map(events.toReversed().map((event) => [event.id, event]));
  const ordered = new Set<AnyRecorded>();
  const put = (event: AnyRecorded, above: ReadonlySet<string>) => {
    const cause = byId.get(event.causationId);
    if (cause && !above.has(cause.id)) put(cause, new Set([...above, event.id]));
    ordered.add(event);
  };
  const ofPlace = (a: AnyRecorded, b: AnyRecorded) => a.time - b.time || stage(a) - stage(b) || a.offset - b.offset;
  for (const event of [...byId.values()].sort(ofPlace)) put(event, new Set());
  return [...ordered];
};

interface RequestSoFar {
  number: number;
  since: number;
  protocol: string;
  streaming: boolean;
  outcome: string;
}

const outcomes = {
  ResponseCompleted: 'served',
  ResponseFailed: 'failed',
  RequestDenied: 'denied',
  RequestUnroutable: 'unroutable',
};

export class Timeline {
  readonly #requests = new Map<string, RequestSoFar>();
  /** The request that the last line was about. */
  #current = '';
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  readonly #meters: Record<string, number> = {};
  readonly #nanos: Record<string, number> = {};

  /** @returns the lines that tell of an event, after those told before. */
  add(event: AnyRecorded): string[] {
    this.#first = Math.min(this.#first, event.time);
    this.#last = Math.max(this.#last, event.time);
    const known = this.#requests.get(event.correlationId);
    const request = known ?? {
      number: this.#requests.size + 1,
      since: event.time,
      protocol: '',
      streaming: false,
      outcome: 'unanswered',
    };
    this.#requests.set(event.correlationId, request);
    this.#note(event, request);
    const isCurrent = this.#current === event.correlationId;
    if (event.type === 'ResponseChunk' && request.streaming) return [];
    this.#current = event.correlationId;
    return [...(isCurrent ? [] : ['', headline(event, request)]), this.#line(event, request)];
  }

  /** What it came to. */
  summary(): string[] {
    const outcomes = Map.groupBy(this.#requests.values(), (request) => request.outcome);
    const ends = [...outcomes].map(([outcome, requests]) => `${requests.length} ${outcome}`);
    const cost = Object.entries(this.#nanos).map(([currency, nanos]) => money(nanos, currency));
    return [
      '',
      `${many(this.#requests.size, 'request')} (${ends.join(', ')}) in ${lasting(this.#last - this.#first)}, from ${instant(this.#first)} on`,
      ...(cost.length > 0 ? [[used(this.#meters), ...cost].filter(Boolean).join(', ')] : []),
    ];
  }

  #line(event: AnyRecorded, request: RequestSoFar): string {
    const isFirstChunk = event.type === 'ResponseChunk';
    request.streaming ||= isFirstChunk;
    const step = isFirstChunk
      ? { word: 'streaming', text: 'the first of the answer is on its way' }
      : stepOf(event, (message) => excerpt(request.protocol, message));
    const after = `+${lasting(Math.max(0, event.time - request.since))}`;
    return `  ${after.padStart(10)}  ${step.word.padEnd(14)}  ${step.text}`;
  }

  #note(event: AnyRecorded, request: RequestSoFar): void {
    try {
      if (event.type === 'RequestReceived') request.protocol = event.data.request.protocol;
      if (event.type === 'CancelRequested' && request.outcome === 'unanswered') request.outcome = 'cancelled';
      if (event.type in outcomes) request.outcome = outcomes[event.type as keyof typeof outcomes];
      if (event.type !== 'UsageRecorded') return;
      const { meters, costNanos, currency } = event.data;
      for (const [meter, amount] of Object.entries(meters)) this.#meters[meter] = (this.#meters[meter] ?? 0) + amount;
      this.#nanos[currency] = (this.#nanos[currency] ?? 0) + costNanos;
    } catch {
      // What cannot be read is told of as such, and counts for nothing.
    }
  }
}

/** `#2  15:06:33.120  model.chat small, asked by bot for lead (support, acme; key-1)` */
const headline = (event: AnyRecorded, { number, since }: RequestSoFar): string => {
  const start = `#${number}  ${clock(since)}`;
  try {
    if (event.type !== 'RequestReceived') return `${start}  request ${plain(event.correlationId, 60)}`;
    const { request } = event.data;
    const { unit, tenant, credential } = request.subject;
    const asked = `${what(request)}, asked by ${who(request.subject)} (${unit}, ${tenant}; ${credential})`;
    return `${start}  ${plain(asked, 300)}`;
  } catch {
    return start;
  }
};

/** The whole of what is known of a conversation; request by request, in the order they were made. */
export const tell = (events: readonly AnyRecorded[], timeline = new Timeline()): string[] => {
  const requests = Map.groupBy(inOrder(events), (event) => event.correlationId);
  return [...requests.values()].flatMap((ofRequest) => ofRequest.flatMap((event) => timeline.add(event)));
};
