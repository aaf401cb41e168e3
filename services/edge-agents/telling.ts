/** What the mesh tells agents on the log: messages, answers to their calls, timers and cancellations. Pure. */
import type * as mesh from '../../schemas/generated.ts';
import { orderingKey } from '../../topics/index.ts';
import { type Configuration, parseConfiguration } from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Folded, Statement } from '../runtime/processor.ts';
import { callOf } from './call-id.ts';
import { deliver } from './deliver.ts';

export const tellingReads = [
  'RequestDispatched',
  'TaskCancelRequested',
  'RequestDenied',
  'RequestUnroutable',
  'ResponseCompleted',
  'ResponseFailed',
  'TaskUpdated',
  'ReportRefused',
  'TimerFired',
] as const;
export const tellingWrites = [
  'MessageDelivered',
  'TaskReported',
  'CallAnswered',
  'CallUpdated',
  'TimerElapsed',
  'CancelDelivered',
  'ReportReturned',
] as const;
type In = (typeof tellingReads)[number];
type Out = (typeof tellingWrites)[number];

/** The agents that live on the log; undefined until there is a configuration. */
export type TellingState = { onLog: ReadonlySet<string> } | undefined;

const onLogOf = ({ agents }: Configuration) => new Set(agents.filter(({ kind }) => kind === 'log').map((a) => a.name));

export const evolve = (state: TellingState, event: Folded): TellingState =>
  event.type === 'MeshConfigured' ? { onLog: onLogOf(parseConfiguration(event.data)) } : state;

const cancel = (
  { taskId, agent, reason }: mesh.TaskCancelRequested,
  contextId: string,
  time: number,
): Statement<Out>[] => {
  const status = { state: 'TASK_STATE_CANCELED', timestamp: new Date(time).toISOString() };
  const update = Buffer.from(JSON.stringify({ statusUpdate: { taskId, contextId, status } }));
  return [
    { type: 'CancelDelivered', data: { agent, taskId, reason } },
    // It is the mesh that ends the task: an agent that is gone, or does not care, can't keep it open.
    {
      type: 'TaskReported',
      data: { taskId, agent, update, turn: null, parentTaskId: '', remote: null, announced: true },
    },
  ];
};

type Ending = Pick<mesh.CallAnswered, 'outcome' | 'reason' | 'status' | 'message'>;

const empty = Buffer.alloc(0);
const isAboutTask = (message: Buffer) => !('message' in (JSON.parse(message.toString()) as object));

/** How a call ended; undefined where its task says so, update by update. */
const endingOf = (event: AnyRecorded<In>): Ending | undefined => {
  switch (event.type) {
    case 'RequestDenied':
      return { outcome: 'DENIED', reason: event.data.decision.reason, status: 0, message: empty };
    case 'RequestUnroutable':
      return {
        outcome: 'UNROUTABLE',
        reason: event.data.failure?.message ?? event.data.reason,
        status: event.data.failure?.status ?? 0,
        message: empty,
      };
    case 'ResponseFailed': {
      const { message, status, body } = event.data.failure;
      return { outcome: 'FAILED', reason: message, status: status ?? 0, message: body ?? empty };
    }
    case 'ResponseCompleted': {
      const { action, status, message } = event.data;
      if (action === 'agent.send' && isAboutTask(message)) return undefined;
      return { outcome: 'COMPLETED', reason: '', status, message };
    }
    default:
      return undefined;
  }
};

/** @throws where a request or an answer is not what its protocol says: a dead letter. */
export const decide = (event: AnyRecorded<In>, state: TellingState): Statement<Out>[] => {
  const isOnLog = (agent: string) => state?.onLog.has(agent) ?? false;
  switch (event.type) {
    case 'RequestDispatched': {
      const { request } = event.data;
      return request.protocol === 'a2a' && isOnLog(request.resource.id) ? deliver(event.data, event.time) : [];
    }
    case 'TaskCancelRequested':
      return isOnLog(event.data.agent) ? cancel(event.data, event.key, event.time) : [];
    case 'TimerFired': {
      const { agent, taskId, timerId, purpose } = event.data;
      return purpose === 'SLEEP'
        ? [{ type: 'TimerElapsed', data: { agent, taskId, timerId }, key: orderingKey('mesh.timers', event.key) }]
        : [];
    }
    case 'ReportRefused': {
      const { agent, taskId, reason, message, callId } = event.data;
      return isOnLog(agent) ? [{ type: 'ReportReturned', data: { agent, taskId, reason, message, callId } }] : [];
    }
    case 'TaskUpdated': {
      const call = callOf(event.correlationId);
      if (!call) return [];
      const { taskId: childTaskId, sequence, state: taskState, update } = event.data;
      return [{ type: 'CallUpdated', data: { ...call, childTaskId, sequence, state: taskState, update } }];
    }
    default: {
      const call = callOf(event.correlationId);
      const ending = call && endingOf(event);
      return ending ? [{ type: 'CallAnswered', data: { ...call, ...ending } }] : [];
    }
  }
};
