/** Test support: events as task-state reads them, and the shell around it, less the log. */
import type { Part } from '@a2a-js/sdk';
import type * as mesh from '../../schemas/generated.ts';
import { type EventData, topicOf } from '../../topics/index.ts';
import { type Configuration, noAgents } from '../runtime/configuration.ts';
import { follow } from '../runtime/event.ts';
import { happened } from '../runtime/given.ts';
import type { AnyRecorded, Event } from '../runtime/log.ts';
import type { Folded } from '../runtime/processor.ts';
import type { TaskStateOutput } from './statements.ts';
import { decide, evolve, forget, initialState, NAME, type TaskStateInput } from './task-state.ts';

export const CONTEXT = 'context';

export const subject: mesh.Subject = {
  tenant: 'acme',
  unit: 'shop',
  agent: 'caller',
  person: 'ann@example.com',
  credential: 'key',
  actors: ['first'],
};

export const turnOf = (requestId: string, changes: Partial<mesh.Turn> = {}): mesh.Turn => ({
  requestId,
  subject,
  action: 'agent.send',
  resource: { type: 'agent', id: 'writer' },
  target: { id: 'a2a/writer', connection: 'agent:writer', name: 'writer' },
  attempt: 1,
  deadline: 90_000,
  startedAt: 1,
  ...changes,
});

export const message = (messageId: string, text = 'hello', role = 'ROLE_AGENT') => ({
  messageId,
  role,
  parts: [{ text }],
});
export const status = (state: string, more: { timestamp?: string; message?: object } = {}) => ({
  statusUpdate: { status: { state: `TASK_STATE_${state}`, ...more } },
});
export const task = (state: string, more: object = {}) => ({
  task: { status: { state: `TASK_STATE_${state}` }, history: [message('question', 'please', 'ROLE_USER')], ...more },
});
export const artifact = (artifactId: string, texts: readonly string[], more: object = {}) => ({
  artifactUpdate: { artifact: { artifactId, parts: texts.map((text) => ({ text })) }, ...more },
});
export const textOf = (part: Part | undefined): unknown => part?.content?.value;

type Attributes = Partial<Pick<Event, 'key' | 'time' | 'id' | 'correlationId' | 'source'>> & { offset?: number };

/** @param update JSON, or bytes that are none. */
export const reported = (
  update: object | string,
  changes: Partial<EventData['TaskReported']> = {},
  attributes: Attributes = {},
) =>
  happened(
    'TaskReported',
    {
      taskId: 'task',
      agent: 'writer',
      update: Buffer.from(typeof update === 'string' ? update : JSON.stringify(update)),
      turn: null,
      parentTaskId: '',
      remote: null,
      announced: true,
      ...changes,
    },
    { key: CONTEXT, ...attributes },
  );

export const began = (changes: Partial<EventData['TaskReported']> = {}, update: object = task('SUBMITTED')) =>
  reported(update, { turn: turnOf('request'), ...changes });

export const called = (changes: Partial<EventData['CallReported']> = {}, attributes: Attributes = {}) =>
  happened(
    'CallReported',
    {
      taskId: 'task',
      agent: 'writer',
      callId: 'call-1',
      action: 'model.chat',
      resource: { type: 'model', id: 'small' },
      protocol: 'openai.chat',
      deadline: 5_000,
      repeatable: false,
      streaming: false,
      message: Buffer.from('{"model":"small"}'),
      ...changes,
    },
    { key: CONTEXT, ...attributes },
  );

export const slept = (changes: Partial<EventData['SleepReported']> = {}, attributes: Attributes = {}) =>
  happened(
    'SleepReported',
    { taskId: 'task', agent: 'writer', timerId: 'nap', at: 7_000, ...changes },
    { key: CONTEXT, ...attributes },
  );

export const cancelled = (taskId: string, attributes: Attributes = {}) =>
  happened(
    'TaskCancelRequested',
    { taskId, agent: 'writer', subject, reason: 'not needed' },
    { key: CONTEXT, source: 'edge-a2a', ...attributes },
  );

export const fired = (timerId: string, changes: Partial<EventData['TimerFired']> = {}, attributes: Attributes = {}) =>
  happened(
    'TimerFired',
    { timerId, taskId: 'task', agent: 'writer', purpose: 'DEADLINE', ...changes },
    { key: `${CONTEXT}/task.${timerId}`, time: 90_000, ...attributes },
  );

export const configured = () => {
  const agent = {
    tenant: 'acme',
    unit: 'desk',
    owner: 'olga@example.com',
    kind: 'log' as const,
    partitions: 1,
    tools: [],
  };
  const document: Omit<Configuration, 'version'> = {
    credentials: [],
    resources: [],
    connections: [],
    ...noAgents,
    agents: [
      { ...agent, name: 'writer' },
      { ...agent, name: 'reader' },
    ],
    currency: 'USD',
    prices: [],
    limits: {
      requestsInFlight: 1,
      requestsInFlightPerCredential: 1,
      bodyBytes: 1,
      deadlineMs: 1,
      maxDeadlineMs: 9_000,
    },
    routing: { maxAttempts: 1, breaker: { failures: 1, openMs: 1 } },
    policies: [],
  };
  return happened('MeshConfigured', { version: 'v1', previousVersion: null, document: JSON.stringify(document) });
};

type Said = { [K in TaskStateOutput]: Event<K> }[TaskStateOutput];

/** A report of its own, as it comes back to it. */
const again = ({ type: _, ...said }: Event<'TaskReported'>, { offset }: AnyRecorded) =>
  happened('TaskReported', said.data, { ...said, offset });

/** task-state with all that it has said, in order. */
export class Run {
  readonly said: Said[] = [];
  #state = initialState();
  #decided = new Set<string>();

  constructor(...events: readonly AnyRecorded<TaskStateInput>[]) {
    this.#state = evolve(this.#state, configured() as Folded);
    for (const event of events) this.take(event);
  }

  /** @returns what is said about it, and about what it itself has to hear again. */
  take(event: AnyRecorded<TaskStateInput>): Said[] {
    if (this.#decided.has(event.id)) return [];
    this.#decided.add(event.id);
    const statements = decide(event, this.#state);
    this.#state = evolve(this.#state, event as Folded);
    const said = statements.map(({ type, data, index, key = event.key, correlationId = event.correlationId }, i) => {
      const cause = { id: event.id, traceparent: '', key, correlationId };
      return follow(NAME, cause, index ?? i, type, data, event.time) as Said;
    });
    for (const one of said) this.#state = evolve(this.#state, { ...one, partition: event.partition } as Folded);
    this.said.push(...said);
    return said.flatMap((one) => (one.type === 'TaskReported' ? [one, ...this.take(again(one, event))] : one));
  }

  /** Another instance takes over: it has what was said, of compacted topics perhaps only what is latest. */
  restart(isCompacted: boolean): void {
    this.#state = evolve(forget(initialState(), [0]), configured() as Folded);
    this.#decided.clear();
    const kept = this.said.filter(({ type }) => type === 'TaskSnapshot');
    const latest = kept.filter((one, i) => !kept.slice(i + 1).some(({ key }) => key === one.key));
    const recalled = this.said.filter(({ type }) => !['mesh.tasks', 'mesh.timers'].includes(topicOf[type]));
    for (const one of [...(isCompacted ? latest : kept), ...recalled]) {
      this.#decided.add(one.causationId);
      this.#state = evolve(this.#state, { ...one, partition: 0 } as Folded);
    }
  }

  /** Something that was said before, by another instance. */
  recall(said: Said): void {
    this.#state = evolve(this.#state, { ...said, partition: 0 } as Folded);
  }

  of<T extends TaskStateOutput>(type: T): Event<T>[] {
    return this.said.filter((one) => one.type === type) as Event<T>[];
  }
}

/** What a statement's bytes say. */
export const json = (bytes: Buffer) => JSON.parse(bytes.toString());
