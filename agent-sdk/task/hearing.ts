import { endsTurn, foldUpdate, type Message, type StreamResponse, type Task, textOf } from '../a2a.ts';
import { CallFailed, Cancelled, Refused } from '../errors.ts';
import type { Operation, Operations } from './operations.ts';
import type { Told } from './records.ts';

/** A message of the person, and its text parts as one. */
export type Incoming = Message & { text: string };

type Data<T extends Told['type']> = Extract<Told, { type: T }>['data'];
export type Turn = Extract<Told, { type: 'MessageDelivered' }>;

/** What becomes of the task itself by what was told: nothing that it says is heard, it fails, or a question was answered. */
export type Consequence = { silenced: Error } | { failed: Error } | { answered: Operation } | undefined;

/** What was said is of no use to the mesh any more, whatever the agent says next. */
const over: ReadonlySet<string> = new Set(['UNKNOWN_TASK', 'NOT_ITS_TASK', 'TASK_ENDED', 'NOT_REGISTERED']);

const outcomeOf = (call: Operation, { outcome, status, reason, message }: Data<'CallAnswered'>): unknown => {
  if (outcome === 'COMPLETED' && status < 400) return call.answer?.(message);
  const what = call.saying?.type === 'AgentCalled' ? call.saying.data : undefined;
  const name = `${what?.action} of ${what?.resource.type} '${what?.resource.id}'`;
  const ended = outcome === 'DENIED' || outcome === 'UNROUTABLE' ? outcome : 'FAILED';
  throw new CallFailed(name, ended, status, reason || message.toString().slice(0, 300));
};

/** What a run learns from the inbox: it ends the operations that wait for the mesh. */
export class Hearing {
  /** All messages of the person up to the last answer to a question. */
  readonly messages: Incoming[] = [];
  /** The latest message that was delivered. */
  turn: Turn;
  last: Told;
  readonly #contextId: string;
  readonly #operations: Operations;
  readonly #children = new Map<string, { task: Task | undefined; sequence: number }>();
  readonly #unheard: Incoming[] = [];

  /** @param first what began the task. */
  constructor(first: Turn, operations: Operations) {
    this.turn = first;
    this.last = first;
    this.#contextId = first.contextId;
    this.#operations = operations;
  }

  hear(told: Told): Consequence {
    this.last = told;
    try {
      return this.#take(told);
    } catch (error) {
      return { failed: new Error(`A ${told.type} of the inbox can't be read: ${(error as Error).message}`) };
    }
  }

  #take(told: Told): Consequence {
    const { type, data } = told;
    if (type === 'CancelDelivered') return { silenced: new Cancelled(data.reason || 'The task was cancelled.') };
    if (type === 'ReportReturned') return this.#returned(new Refused(data.reason, data.message || data.reason), data);
    if (type === 'MessageDelivered') {
      this.turn = told;
      return this.#listen(data);
    }
    if (type === 'CallUpdated') this.#follow(data);
    else if (type === 'TimerElapsed') this.#operations.open(data.timerId)?.settle(() => undefined);
    else {
      const call = this.#operations.open(data.callId);
      call?.settle(() => outcomeOf(call, data));
    }
    return undefined;
  }

  #listen({ request }: Data<'MessageDelivered'>): Consequence {
    const { message } = JSON.parse(request.toString()) as { message: Message };
    const parts = message.parts ?? [];
    this.#unheard.push({ ...message, parts, text: textOf(parts) });
    const { question } = this.#operations;
    if (!question && this.messages.length > 0) return undefined;
    this.messages.push(...this.#unheard.splice(0));
    if (!question) return undefined;
    const answer = this.messages.at(-1)!;
    question.settle(() => answer);
    return { answered: question };
  }

  /** Updates of tasks that were begun at other agents. */
  #follow({ callId, childTaskId, sequence, state, update }: Data<'CallUpdated'>): void {
    const child = this.#children.get(childTaskId) ?? { task: undefined, sequence: 0 };
    if (sequence <= child.sequence) return;
    const ids = { id: childTaskId, contextId: this.#contextId };
    const said = JSON.parse(update.toString()) as StreamResponse;
    const task = foldUpdate(child.task, said, ids);
    this.#children.set(childTaskId, { task, sequence });
    // The state is of the whole task: while it still waits for this agent's message, neither that nor an artifact is its answer.
    const tellsState = 'statusUpdate' in said || 'task' in said;
    if (endsTurn(state) && tellsState) this.#operations.open(callId)?.settle(() => structuredClone(task));
  }

  #returned(error: Refused, { callId }: Data<'ReportReturned'>): Consequence {
    if (callId === '') return over.has(error.reason) ? { silenced: error } : { failed: error };
    this.#operations.open(callId)?.settle(() => {
      throw error;
    });
    return undefined;
  }
}
