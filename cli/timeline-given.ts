/** Test support: what happens in a conversation across agents, as the log would have it. */
import type { Request, Subject, Turn } from '../schemas/generated.ts';
import { happened } from '../services/runtime/given.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { requestForTests } from '../services/runtime/request-for-tests.ts';
import type { EventData, EventType } from '../topics/index.ts';

export const BEGUN = Date.parse('2026-11-21T15:06:33.120Z');
const CONTEXT = 'c1';

export const json = (value: unknown) => Buffer.from(JSON.stringify(value));
export const message = (role: 'USER' | 'AGENT', text: string) => ({
  messageId: text,
  role: `ROLE_${role}`,
  parts: [{ text }],
});
const status = (state: string, text?: string) => ({
  state: `TASK_STATE_${state}`,
  ...(text ? { message: message('AGENT', text) } : {}),
});
export const submitted = (id: string) => json({ task: { id, contextId: CONTEXT, status: status('SUBMITTED') } });
export const statusUpdate = (taskId: string, state: string, text?: string) =>
  json({ statusUpdate: { taskId, contextId: CONTEXT, status: status(state, text) } });
export const artifactUpdate = (taskId: string, name: string, text: string) =>
  json({ artifactUpdate: { taskId, contextId: CONTEXT, artifact: { artifactId: name, name, parts: [{ text }] } } });

export const subject = (agent: string, ...actors: string[]): Subject => ({
  tenant: 'acme',
  unit: 'travel',
  agent,
  person: 'lead@acme.example',
  credential: 'key-1',
  actors,
});
const decision = { configurationVersion: 'v1', policies: ['all'], reason: 'permitted by all' };

/** @param what to do, and of what. */
export const request = (
  id: string,
  asking: Subject,
  [action, name]: readonly ['agent.send' | 'model.chat', string],
  text: string,
  tasks: Partial<Pick<Request, 'taskId' | 'parentTaskId'>> = {},
) =>
  requestForTests({
    id,
    contextId: CONTEXT,
    subject: asking,
    action,
    resource: { type: action === 'agent.send' ? 'agent' : 'model', id: name },
    protocol: action === 'agent.send' ? 'a2a' : 'openai.chat',
    deadline: 0,
    message:
      action === 'agent.send'
        ? json({ message: message('USER', text) })
        : json({ messages: [{ role: 'user', content: text }] }),
    ...tasks,
  });

/** What happens, one thing after the other, in milliseconds after BEGUN. */
export class Story {
  readonly events: AnyRecorded[] = [];

  /** @returns the event's id. */
  say<T extends EventType>(
    after: number,
    correlationId: string,
    type: T,
    data: EventData[T],
    causationId = '',
  ): string {
    const event = happened(type, data, { time: BEGUN + after, correlationId, causationId, key: CONTEXT });
    this.events.push(event as AnyRecorded);
    return event.id;
  }
}

const targetOf = ({ action, resource }: Request) =>
  action === 'agent.send'
    ? { id: `a2a/${resource.id}`, connection: `agent:${resource.id}`, name: resource.id }
    : { id: `openai/${resource.id}`, connection: 'openai', name: resource.id };

const attribution = ({ subject, action, resource }: Request) => ({ subject, action, resource });

/** It is asked, permitted and dispatched. */
export const dispatch = (story: Story, after: number, asked: Request): void => {
  const received = story.say(after, asked.id, 'RequestReceived', { request: asked });
  const permitted = story.say(after + 2, asked.id, 'RequestPermitted', { request: asked, decision }, received);
  const chosen = { target: targetOf(asked), attempt: 1, tried: [], probe: false, reason: 'the only one' };
  const data = { request: asked, decision, ...chosen, configurationVersion: 'v1' };
  story.say(after + 4, asked.id, 'RequestDispatched', data, permitted);
};

export const deny = (story: Story, after: number, asked: Request): void => {
  const received = story.say(after, asked.id, 'RequestReceived', { request: asked });
  const refusal = { ...decision, policies: [], reason: 'no policy permits it' };
  const data = { ...attribution(asked), reason: 'POLICY' as const, decision: refusal };
  story.say(after + 2, asked.id, 'RequestDenied', data, received);
};

/** It is answered, and the answer metered. @param begun when it was called. */
export const complete = (
  story: Story,
  [begun, after]: readonly [number, number],
  asked: Request,
  answer: Buffer,
  meters: Record<string, number> = {},
): void => {
  const served = { ...attribution(asked), target: targetOf(asked), meters, estimated: false };
  const times = { startedAt: BEGUN + begun, firstByteAt: BEGUN + after };
  const data = { ...served, ...times, attempt: 1, status: 200, headers: {}, message: answer, chunks: 0 };
  const completed = story.say(after, asked.id, 'ResponseCompleted', data);
  const cost = { costNanos: asked.action === 'model.chat' ? 123_000 : 0, currency: 'USD', priced: true };
  story.say(after + 1, asked.id, 'UsageRecorded', { ...served, ...cost, configurationVersion: 'v1' }, completed);
};

/** The agent, or an edge for it, says something of the task that it was asked for. */
export const report = (
  story: Story,
  after: number,
  asked: Request,
  update: Buffer,
  correlationId = asked.id,
): string => {
  const ids = { taskId: asked.taskId, agent: asked.resource.id, parentTaskId: '' };
  return story.say(after, correlationId, 'TaskReported', { ...ids, update, turn: null, remote: null, announced: true });
};

/** The first report of a turn. */
export const beginTurn = (story: Story, after: number, asked: Request, update: Buffer): string => {
  const { id: requestId, taskId, parentTaskId, resource } = asked;
  const times = { deadline: BEGUN + 3_600_000, startedAt: BEGUN + after };
  const turn: Turn = { requestId, ...attribution(asked), target: targetOf(asked), attempt: 1, ...times };
  const data = { taskId, agent: resource.id, update, turn, parentTaskId, remote: null, announced: false };
  const cause = story.say(after, requestId, 'TaskReported', data);
  const timer = { timerId: `deadline.${requestId}`, taskId, agent: resource.id, purpose: 'DEADLINE' as const };
  story.say(after + 1, requestId, 'TimerSet', { ...timer, at: turn.deadline }, cause);
  return cause;
};

/** @param sequence of the update. @param state of the task after it. */
const updated = (
  story: Story,
  after: number,
  asked: Request,
  [sequence, state]: readonly [number, string],
  update: Buffer,
  cause = '',
): void => {
  const { id: requestId, subject, taskId, parentTaskId, resource } = asked;
  const ids = { taskId, agent: resource.id, subject, requestId, parentTaskId };
  story.say(after, requestId, 'TaskUpdated', { ...ids, sequence, state: `TASK_STATE_${state}`, update }, cause);
};

/** The agent says something, and it is taken. */
export const progress = (story: Story, after: number, asked: Request, at: readonly [number, string], update: Buffer) =>
  updated(story, after + 1, asked, at, update, report(story, after, asked, update));

/** A task begins. */
export const begin = (story: Story, after: number, asked: Request): void => {
  const task = submitted(asked.taskId);
  updated(story, after + 1, asked, [1, 'SUBMITTED'], task, beginTurn(story, after, asked, task));
};

/** A turn ends with a status. @param begun when the agent was called. */
export const end = (
  story: Story,
  [begun, after]: readonly [number, number],
  asked: Request,
  at: readonly [number, string],
  text: string,
): void => {
  const said = statusUpdate(asked.taskId, at[1], text);
  progress(story, after, asked, at, said);
  const timer = { timerId: `deadline.${asked.id}`, taskId: asked.taskId, agent: asked.resource.id };
  story.say(after + 1, asked.id, 'TimerCleared', { ...timer, purpose: 'DEADLINE' });
  complete(story, [begun, after + 1], asked, said, { agent_updates: at[0] - 1 });
};
