/**
 * A conversation as a person reads it: each request, and under it what became of it, with the time since it was made. What an
 * agent asked in the course of a task is under the message that the task came of.
 */
import type { AnyRecorded } from '../services/runtime/log.ts';
import { conversationTopics } from './conversation.ts';
import { clock, lasting } from './figures.ts';
import { mcpSays } from './mcp-text.ts';
import { what, who } from './step.ts';
import { plain } from './text.ts';
import { type RequestSoFar, Requests, rootOf, tasksOf } from './timeline-requests.ts';
import { Steps } from './timeline-steps.ts';
import { Sums } from './timeline-sums.ts';

const stage = ({ topic }: AnyRecorded): number => conversationTopics.indexOf(topic);

const ofPlace = (a: AnyRecorded, b: AnyRecorded) => a.time - b.time || stage(a) - stage(b) || a.offset - b.offset;

/**
 * Causes before what they caused, and else by time: clocks of several machines differ. An event said twice is there once.
 * The message that began a task is a cause of all that is said of the task and asked in its course.
 */
export const inOrder = (events: readonly AnyRecorded[]): AnyRecorded[] => {
  const byId = new Map(events.toReversed().map((event) => [event.id, event]));
  const byPlace = [...byId.values()].sort(ofPlace);
  const began = new Map<string, AnyRecorded>();
  for (const event of byPlace) {
    const { request, taskId } = tasksOf(event);
    if (event.type === 'RequestReceived' && request && taskId && !began.has(taskId)) began.set(taskId, event);
  }
  const causesOf = (event: AnyRecorded) => {
    const { taskId, parentTaskId } = tasksOf(event);
    return [byId.get(event.causationId), began.get(parentTaskId), began.get(taskId)];
  };
  const ordered = new Set<AnyRecorded>();
  const put = (event: AnyRecorded, above: ReadonlySet<string>) => {
    if (ordered.has(event)) return;
    const path = new Set([...above, event.id]);
    for (const cause of causesOf(event)) if (cause && !path.has(cause.id)) put(cause, path);
    ordered.add(event);
  };
  for (const event of byPlace) put(event, new Set());
  return [...ordered];
};

export class Timeline {
  readonly #requests = new Requests();
  readonly #steps = new Steps();
  readonly #sums = new Sums();
  /** The request that the last line was about. */
  #current: RequestSoFar | undefined;

  /** Takes in an event, after those before it. @returns the request that it is told of under. */
  place(event: AnyRecorded): RequestSoFar {
    const request = this.#requests.place(event);
    this.#sums.add(event, request);
    return request;
  }

  /** @returns the lines that tell of an event that was placed, after those told before. */
  say(event: AnyRecorded, request: RequestSoFar): string[] {
    const line = this.#line(event, request);
    if (line === undefined) return [];
    const before = this.#current;
    const isOtherTree = !before || rootOf(before) !== rootOf(request);
    this.#current = request;
    const indent = '  '.repeat(request.depth);
    const head = isOtherTree || !request.told ? [indent + headline(event, request)] : [];
    request.told = true;
    // Within a tree a line that goes back to a request says which.
    const number = head.length === 0 && before !== request ? `#${request.number}` : '';
    return [...(isOtherTree ? [''] : []), ...head, indent + gutter(number, request, event) + line];
  }

  add(event: AnyRecorded): string[] {
    return this.say(event, this.place(event));
  }

  /** What it came to. */
  summary(): string[] {
    return this.#sums.lines(this.#requests.all());
  }

  /** Undefined for what is told of by other events. */
  #line(event: AnyRecorded, request: RequestSoFar): string | undefined {
    if (event.type === 'ResponseChunk') {
      const said = request.protocol === 'mcp' ? mcpSays(event.data.payload) : undefined;
      if (said) return column('meanwhile', said);
      if (request.streaming) return undefined;
      request.streaming = true;
      return column('streaming', 'the first of the answer is on its way');
    }
    const step = this.#steps.of(event, request.protocol);
    return step && column(step.word, step.text);
  }
}

const column = (word: string, text: string): string => `${word.padEnd(14)}  ${text}`.trimEnd();

const gutter = (number: string, { since }: RequestSoFar, { time }: AnyRecorded): string => {
  const after = `+${lasting(Math.max(0, time - since))}`;
  return `${number} ${after.padStart(11 - number.length)}  `;
};

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

type Told = RequestSoFar | AnyRecorded;

/** The whole of what is known of a conversation; request by request, in the order they were made, each below its parent. */
export const tell = (events: readonly AnyRecorded[], timeline = new Timeline()): string[] => {
  const under = new Map<RequestSoFar | undefined, Told[]>([[undefined, []]]);
  for (const event of inOrder(events)) {
    const request = timeline.place(event);
    if (!under.has(request)) {
      under.set(request, []);
      under.get(request.parent)?.push(request);
    }
    under.get(request)?.push(event);
  }
  const lines = (request: RequestSoFar | undefined): string[] =>
    (under.get(request) ?? []).flatMap((one) =>
      'number' in one ? lines(one) : timeline.say(one, request as RequestSoFar),
    );
  return lines(undefined);
};
