/** What an agent on the log asks for in the course of its task: calls of its own, and to be woken. */
import { hash } from 'node:crypto';
import type * as mesh from '../../schemas/generated.ts';
import { MalformedError, readSendMessage } from '../runtime/a2a/json.ts';
import type { AgentConfiguration, Configuration } from '../runtime/configuration.ts';
import { derivedId } from '../runtime/event.ts';
import type { Recorded } from '../runtime/log.ts';
import { type Refusal, toolCall, wrongKind } from './called.ts';
import { ENDED, standing } from './report.ts';
import { DEADLINE_PREFIX, reportRefused, type Said, timerSet } from './statements.ts';
import type { Snapshot, Tasks } from './tasks.ts';

type Call = Recorded<'CallReported'>;

const MAX_CALLS = 10_000;
/** Ids of calls and timers: they become part of the keys and ids of events. */
const ID = /^\P{Cc}{1,200}$/u;

/** @returns undefined where the task ended after it was decided on: nobody waits for what comes of it. */
const openTask = (tasks: Tasks, event: Call | Recorded<'SleepReported'>): Snapshot | Refusal | undefined => {
  const { reported = -1 } = tasks.ended.get(event.data.taskId) ?? {};
  if (event.offset <= reported) return undefined;
  const found = standing(tasks, event);
  return Array.isArray(found) ? found : (found.open ?? ENDED);
};

/** The id of the task that a call begins: like all of the mesh's a UUIDv7, and the same whenever it is decided again. */
const newTaskId = (requestId: string, time: number): string => {
  const began = time.toString(16).padStart(12, '0');
  return `${began.slice(0, 8)}-${began.slice(8)}-7${derivedId(requestId).slice(15)}`;
};

/** The task that a message to an agent continues or begins; empty for other calls. */
const taskOf = (event: Call, requestId: string, caller: string, tasks: Tasks): string | Refusal => {
  const { action, message, resource } = event.data;
  if (action !== 'agent.send') return '';
  let taskId: string;
  try {
    taskId = readSendMessage(message).message?.taskId ?? '';
  } catch (error) {
    if (error instanceof MalformedError) return ['MALFORMED', error.message];
    throw error;
  }
  if (taskId === '') return newTaskId(requestId, event.time);
  const child = tasks.open.get(taskId);
  const isIts = child?.contextId === event.key && child.agent === resource.id && child.subject.agent === caller;
  if (isIts) return taskId;
  return ['UNKNOWN_TASK', `The agent has begun no task ${taskId} at ${resource.id}, or it has ended.`];
};

/** The agent asks by itself, for the person who is accountable for the task. */
const subjectOf = (caller: AgentConfiguration, { subject }: Snapshot): mesh.Subject => ({
  tenant: caller.tenant,
  unit: caller.unit,
  agent: caller.name,
  person: subject.person,
  credential: 'log',
  actors: [...subject.actors, subject.agent],
});

const requestOf = (
  event: Call,
  tasks: Tasks,
  configuration: Configuration | undefined,
): mesh.Request | Refusal | undefined => {
  const {
    taskId: parentTaskId,
    agent,
    callId,
    action,
    resource,
    protocol,
    repeatable,
    streaming,
    message,
  } = event.data;
  const task = openTask(tasks, event);
  if (!task || Array.isArray(task)) return task;
  const caller = configuration?.agents.find(({ name }) => name === agent);
  if (!configuration || !caller) return ['NOT_REGISTERED', `There is no agent ${agent} in the configuration.`];
  if (!ID.test(callId)) return ['MALFORMED', 'An id of a call has 1 to 200 characters, none of them a control one.'];
  const id = `agent/${agent}/${parentTaskId}/${callId}`;
  const calls = tasks.calls.get(parentTaskId);
  if (calls?.has(id)) return undefined;
  if ((calls?.size ?? 0) >= MAX_CALLS) return ['TOO_MANY', `A task can make no more than ${MAX_CALLS} calls.`];
  const wrong = wrongKind(event.data);
  if (wrong) return wrong;
  const taskId = taskOf(event, id, caller.name, tasks);
  if (Array.isArray(taskId)) return taskId;
  const said = action === 'tool.call' ? toolCall(event.data) : { body: message, arguments: {} };
  if (Array.isArray(said)) return said;
  const longest = action === 'agent.send' ? configuration.a2a.turnDeadlineMs : configuration.limits.maxDeadlineMs;
  return {
    id,
    contextId: event.key,
    subject: subjectOf(caller, task),
    action,
    resource,
    protocol,
    deadline: Math.min(event.data.deadline, event.time + longest),
    repeatable,
    streaming,
    fingerprint: hash('sha256', said.body, 'hex'),
    headers: {},
    message: said.body,
    spans: [],
    taskId,
    parentTaskId,
    arguments: said.arguments,
  };
};

/** A call of an agent becomes a request like any other. Made again with the same id, it is the same call. */
export const decideCall = (event: Call, tasks: Tasks, configuration: Configuration | undefined): Said[] => {
  const request = requestOf(event, tasks, configuration);
  if (!request) return [];
  if (Array.isArray(request)) return [reportRefused(event.data, ...request, { callId: event.data.callId })];
  return [{ type: 'RequestReceived', index: 'request', correlationId: request.id, data: { request } }];
};

const wrongWithTimer = (timerId: string): string | undefined => {
  if (!ID.test(timerId) || timerId.includes('/'))
    return 'An id of a timer has 1 to 200 characters, none of them a slash or a control one.';
  return timerId.startsWith(DEADLINE_PREFIX)
    ? `Ids of timers that begin with ${DEADLINE_PREFIX} are the mesh's.`
    : undefined;
};

export const decideSleep = (event: Recorded<'SleepReported'>, tasks: Tasks): Said[] => {
  const { taskId, agent, timerId, at } = event.data;
  const refuse = (refusal: Refusal) => [reportRefused(event.data, ...refusal, { callId: timerId })];
  const task = openTask(tasks, event);
  if (!task) return [];
  if (Array.isArray(task)) return refuse(task);
  const wrong = wrongWithTimer(timerId);
  if (wrong) return refuse(['MALFORMED', wrong]);
  return [timerSet(event.key, { timerId, taskId, agent, purpose: 'SLEEP', at })];
};
