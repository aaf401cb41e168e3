/** What the mesh's log says of each call to an upstream. */
import type * as mesh from '../../schemas/generated.ts';
import { memberOf } from '../../services/edge-llm/openai/json-bytes.ts';
import type { AnyRecorded, Log } from '../../services/runtime/log.ts';

/**
 * answered: the upstream said something, so its own log has the call. unsure: it was perhaps sent. unmade: it was not sent.
 * open: nothing is said of its end yet.
 */
export type Fate = 'answered' | 'unsure' | 'unmade' | 'open';

/** A dispatch and what became of it. */
export interface Dispatched {
  id: string;
  contextId: string;
  requestId: string;
  /** Ids as in mesh.yaml; empty where its event could not be read. */
  target: string;
  connection: string;
  attempt: number;
  repeatable: boolean;
  /** When it was stated, milliseconds since the epoch. */
  at: number;
  /** When its end was stated; NaN while it is open. */
  endedAt: number;
  fate: Fate;
  /** The end in a word: COMPLETED, or the reason of the failure. */
  end: string;
  /** The id that the upstream gave its answer; empty: not known. */
  responseId: string;
}

const types = ['RequestDispatched', 'AttemptBegun', 'AttemptFailed', 'ResponseCompleted', 'ResponseFailed'] as const;
type Read = AnyRecorded<(typeof types)[number]>;
type Ending = Pick<Dispatched, 'endedAt' | 'fate' | 'end' | 'responseId'>;

/** Reasons that only an upstream that has spoken can give. */
const spoken: readonly mesh.FailureReason[] = [
  'IDLE_TIMEOUT',
  'BAD_RESPONSE',
  'RATE_LIMITED',
  'UPSTREAM_ERROR',
  'REQUEST_REFUSED',
  'RESPONSE_TOO_LARGE',
];
const unsent: readonly mesh.FailureReason[] = ['CONNECT_FAILED', 'CONNECT_TIMEOUT', 'MISCONFIGURED'];

const fateOf = ({ reason, status }: mesh.Failure, chunks: number, retryable: boolean): Fate => {
  // A refusal after which another target is tried is the mesh's own: it could not say the request in the target's interface.
  if (reason === 'REQUEST_REFUSED' && retryable) return 'unmade';
  if (chunks > 0 || status !== null || spoken.includes(reason)) return 'answered';
  return unsent.includes(reason) ? 'unmade' : 'unsure';
};

/** Whatever it is that can't be read, the upstream did answer. */
const responseIdOf = (completed: AnyRecorded<'ResponseCompleted'>): string => {
  try {
    const id = memberOf(completed.data.message, 'id');
    return typeof id === 'string' ? id : '';
  } catch {
    return '';
  }
};

const open: Ending = { endedAt: Number.NaN, fate: 'open', end: '', responseId: '' };

/** Puts dispatches and their ends together, in whatever order and however often they come. */
export class Dispatches {
  readonly #dispatches = new Map<string, Omit<Dispatched, keyof Ending>>();
  readonly #endings = new Map<string, Ending>();
  readonly #begun = new Set<string>();
  readonly #withResponseIds: boolean;

  /** @param withResponseIds whether the upstream's ids of answers are wanted. */
  constructor(withResponseIds: boolean) {
    this.#withResponseIds = withResponseIds;
  }

  /** @throws what decoding throws; a dispatch is known all the same. */
  add(event: Read): void {
    const { id, key, correlationId, time, causationId } = event;
    const end = (fate: Fate, word: string, responseId = '') =>
      this.#end(causationId, { endedAt: time, fate, end: word, responseId });
    switch (event.type) {
      case 'RequestDispatched': {
        const envelope = { id, contextId: key, requestId: correlationId, at: time };
        if (this.#dispatches.has(id)) return;
        this.#dispatches.set(id, { ...envelope, target: '', connection: '', attempt: 0, repeatable: true });
        const { target, attempt, request } = event.data;
        const { id: name, connection } = target;
        this.#dispatches.set(id, { ...envelope, target: name, connection, attempt, repeatable: request.repeatable });
        return;
      }
      case 'AttemptBegun':
        this.#begun.add(causationId);
        return;
      case 'AttemptFailed': {
        const { failure, retryable } = event.data;
        end(fateOf(failure, 0, retryable), failure.reason);
        return;
      }
      case 'ResponseFailed': {
        const { failure, chunks } = event.data;
        end(fateOf(failure, chunks, false), failure.reason);
        return;
      }
      case 'ResponseCompleted':
        end('answered', 'COMPLETED', this.#withResponseIds ? responseIdOf(event) : '');
    }
  }

  /** Of a failure that is told in two events only one counts the chunks: what shows that it was answered stands. */
  #end(id: string, ending: Ending): void {
    if (this.#endings.get(id)?.fate !== 'answered') this.#endings.set(id, ending);
  }

  /** All of them, in the order in which they were first seen. */
  all(): Dispatched[] {
    return [...this.#dispatches.values()].map((dispatch) => {
      const begun = this.#begun.has(dispatch.id) ? 'BEGUN' : 'DISPATCHED';
      return { ...dispatch, ...(this.#endings.get(dispatch.id) ?? { ...open, end: begun }) };
    });
  }
}

/** Reads all dispatches from a time on, milliseconds since the epoch, with their ends. */
export const readDispatches = async (
  log: Log,
  since: number,
  withResponseIds: boolean,
  progress: (seen: number, total: number) => void,
): Promise<{ dispatches: Dispatched[]; unreadable: number }> => {
  const dispatches = new Dispatches(withResponseIds);
  let unreadable = 0;
  const tail = await log.tail(
    ['mesh.dispatches', 'mesh.attempts', 'mesh.responses'],
    (event) => {
      try {
        dispatches.add(event as Read);
      } catch {
        unreadable += 1;
      }
    },
    { from: { time: Math.max(0, since) }, types, progress },
  );
  await tail.caughtUp;
  await tail.close();
  return { dispatches: dispatches.all(), unreadable };
};
