/** Which request of a conversation an event is told of under, and which request was asked in the course of which. */
import type { Request } from '../schemas/generated.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';

export interface RequestSoFar {
  /** Its correlation id. */
  id: string;
  /** 1 for the first of the conversation. */
  number: number;
  /** In the course of whose task it was asked. */
  parent: RequestSoFar | undefined;
  /** 0 for one without a parent. */
  depth: number;
  since: number;
  /** Of a message to an agent: the task that it begins or continues; else empty. */
  taskId: string;
  action: string;
  protocol: string;
  streaming: boolean;
  /** Of the task, after the last update of this turn; empty where there was none. */
  state: string;
  outcome: string;
  /** Whether a line of it was printed. */
  told: boolean;
}

interface Tasks {
  /** What the event carries. */
  request?: Request | null | undefined;
  taskId: string;
  parentTaskId: string;
  /** The request of the turn that the event shows to be the task's last one. */
  turn: string;
}

/** What an event says of tasks, as far as it can be read. */
export const tasksOf = (event: AnyRecorded): Tasks => {
  try {
    const data = event.data as {
      request?: Request | null;
      taskId?: string;
      parentTaskId?: string;
      turn?: { requestId: string } | null;
      requestId?: string;
    };
    const { taskId = '', parentTaskId = '' } = data.request ?? data;
    const turn = event.type === 'TaskUpdated' ? data.requestId : data.turn?.requestId;
    return { request: data.request, taskId, parentTaskId, turn: turn ?? '' };
  } catch {
    return { taskId: '', parentTaskId: '', turn: '' };
  }
};

/** The request under which the tree goes on. */
export const rootOf = (request: RequestSoFar): RequestSoFar => (request.parent ? rootOf(request.parent) : request);

export class Requests {
  readonly #byId = new Map<string, RequestSoFar>();
  /** By task: the request of its last turn. */
  readonly #turns = new Map<string, RequestSoFar>();

  all(): RequestSoFar[] {
    return [...this.#byId.values()];
  }

  /**
   * The request whose correlation id it has; of what belongs to a task and to no request of it, the request of the task's
   * last turn. Events are to be given in their order.
   */
  place(event: AnyRecorded): RequestSoFar {
    const { request, taskId, parentTaskId, turn } = tasksOf(event);
    const own = this.#byId.get(event.correlationId);
    // Agents choose the correlation ids of what they say.
    const isStray = !request && taskId !== '' && own?.taskId !== taskId;
    const place =
      (isStray ? this.#turns.get(taskId) : undefined) ?? own ?? this.#begin(event, request?.taskId ?? '', parentTaskId);
    const ofTurn = this.#byId.get(turn);
    if (ofTurn) this.#turns.set(taskId, ofTurn);
    else if (place.taskId && !this.#turns.has(place.taskId)) this.#turns.set(place.taskId, place);
    return place;
  }

  #begin({ correlationId, time }: AnyRecorded, taskId: string, parentTaskId: string): RequestSoFar {
    const parent = parentTaskId ? this.#turns.get(parentTaskId) : undefined;
    const request = {
      id: correlationId,
      number: this.#byId.size + 1,
      parent,
      depth: parent ? parent.depth + 1 : 0,
      since: time,
      taskId,
      action: '',
      protocol: '',
      streaming: false,
      state: '',
      outcome: 'unanswered',
      told: false,
    };
    this.#byId.set(correlationId, request);
    return request;
  }
}
