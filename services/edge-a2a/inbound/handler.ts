/** A2A's operations on one agent of the mesh: what a client may ask, answered from the log and the view of tasks. */
import type { AgentCard, Message, StreamResponse, Task } from '@a2a-js/sdk';
import { TaskState } from '@a2a-js/sdk';
import {
  ExtendedAgentCardNotConfiguredError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import type { A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server';
import { isTerminal, nameOfState } from '../../runtime/a2a/states.ts';
import type { Asker } from '../../runtime/ask.ts';
import type { Configuration } from '../../runtime/configuration.ts';
import { type Caller, subjectOf } from '../../runtime/edge/callers.ts';
import type { outcomeTypes } from '../../runtime/edge/outcomes.ts';
import { newId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import type { Changes } from '../view/changes.ts';
import type { KnownTask } from '../view/tasks.ts';
import type { View } from '../view/view.ts';
import { askAgent, isLast, type TurnStep } from './ask-agent.ts';
import { errorForClient, MeshError, meshProblems } from './errors.ts';
import type { PushStore } from './push-configurations.ts';
import { received, SOURCE } from './request.ts';
import { checkFollowUp, checkHistoryLength, checkMessage, checkTaskId, queryOf, withHistory } from './validate.ts';
import { type Visitor, visitorOf } from './visitor.ts';

/** How long the client of a cancellation waits for the task to end. */
const CANCEL_MS = 10_000;

export interface Mesh {
  view: View;
  asker: Asker<(typeof outcomeTypes)[number]>;
  /** With bounded appends. */
  log: Log;
  push: PushStore;
  /** The mesh's card of an agent; one without skills while the agent has published none. */
  card(agent: string): Promise<AgentCard>;
  /** What the agent tells of itself to who is authenticated, as the mesh's; undefined where it gave the mesh no such card. */
  extendedCard(agent: string): Promise<AgentCard | undefined>;
  /** Whether policy would let the caller send to the agent. */
  sees(caller: Caller, agent: string): boolean;
  configuration(): Configuration | undefined;
  now(): number;
  cancelMs?: number;
}

const stateOf = ({ task }: KnownTask): TaskState => task.status?.state ?? TaskState.TASK_STATE_UNSPECIFIED;

/** @param agent the agent whose operations they are. */
export const createHandler = (mesh: Mesh, agent: string): A2ARequestHandler => {
  const { view, push, log, now } = mesh;

  /** A task of the caller's with this agent; of any other it is not even said that it is there. @throws TaskNotFoundError */
  const ownTask = async (taskId: string, { caller, signal }: Visitor): Promise<KnownTask> => {
    checkTaskId(taskId);
    const { tenant, agent: asker } = caller.credential.subject;
    const known = await view.get(taskId, signal);
    if (known?.agent !== agent || known.tenant !== tenant || known.asker !== asker)
      throw new TaskNotFoundError(`Task not found: ${taskId}`);
    return known;
  };

  /** The card that the caller goes by. */
  const cardFor = async ({ caller }: Visitor): Promise<AgentCard> => {
    const extended = await mesh.extendedCard(agent);
    return extended && mesh.sees(caller, agent) ? extended : mesh.card(agent);
  };

  const refOf = ({ task }: KnownTask) => ({ agent, taskId: task.id, contextId: task.contextId });

  /** Sends a message, and yields what the agent does with it. @throws A2AError */
  async function* send(
    params: Parameters<A2ARequestHandler['sendMessage']>[0],
    context: ServerCallContext,
    streaming: boolean,
  ): AsyncGenerator<TurnStep, void, undefined> {
    const visitor = visitorOf(context);
    const inForce = mesh.configuration();
    if (!inForce) throw meshProblems.notConfigured();
    const extensions = context.requestedExtensions ?? [];
    const message = checkMessage(params, await cardFor(visitor), extensions);
    const followed = message.taskId === '' ? undefined : await ownTask(message.taskId, visitor);
    if (followed) checkFollowUp(message, followed.task);
    const at = now();
    const contextId = followed?.task.contextId || message.contextId || visitor.contextId || newId(at);
    const taskId = followed?.task.id ?? newId(at);
    const deadline = at + inForce.a2a.turnDeadlineMs;
    const request = received({ agent, visitor, params, contextId, taskId, streaming, extensions, now: at, deadline });
    const wanted = params.configuration?.taskPushNotificationConfig;
    const ref = { agent, taskId, contextId };
    const setting = wanted && (await push.setting(ref, wanted, visitor));
    const events: Event[] = setting ? [setting.event, request] : [request];
    let known = followed !== undefined;
    try {
      for await (const step of askAgent(mesh, events, request.id, visitor)) {
        known ||= step.change !== undefined;
        yield step;
      }
    } finally {
      // No task came of it, so nobody is told anything. A client that left may still be.
      if (setting && !known && !visitor.signal.aborted)
        await push.remove(ref, setting.configuration.id, visitor).catch(() => {});
    }
  }

  /** Up to where a stream is: what comes again is passed by. User's messages are history. */
  const streamed = async function* (
    changes: Changes,
    from: number,
    visitor: Visitor,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    for await (const { update, known } of changes) {
      if (known.sequence <= from || update.$case === 'message') continue;
      await visitor.drained();
      yield { payload: update };
      if (isTerminal(stateOf(known))) return;
    }
    visitor.signal.throwIfAborted();
  };

  const cancel = async ({ task }: KnownTask, visitor: Visitor): Promise<void> => {
    const id = newId(now());
    const event: Event<'TaskCancelRequested'> = {
      id,
      type: 'TaskCancelRequested',
      source: SOURCE,
      key: task.contextId,
      time: now(),
      correlationId: id,
      causationId: '',
      traceparent: visitor.traceparent,
      data: { taskId: task.id, agent, subject: subjectOf(visitor.caller), reason: 'The client asked for it.' },
    };
    await log.append([event], visitor.signal);
  };

  const operations: A2ARequestHandler = {
    getAgentCard: () => mesh.card(agent),

    // A2A 1.0, 3.1.11 and 3.3.4.
    getAuthenticatedExtendedAgentCard: async (_params, context) => {
      if (!mesh.sees(visitorOf(context).caller, agent)) throw meshProblems.noAgent(agent);
      const { capabilities } = await mesh.card(agent);
      if (!capabilities?.extendedAgentCard) throw new UnsupportedOperationError('The agent has no extended card.');
      const extended = await mesh.extendedCard(agent);
      if (!extended) throw new ExtendedAgentCardNotConfiguredError('The agent has not given its extended card.');
      return extended;
    },

    sendMessage: async (params, context): Promise<Message | Task> => {
      const { historyLength, returnImmediately } = params.configuration ?? {};
      let task: Task | undefined;
      for await (const step of send(params, context, false)) {
        if (step.message) return step.message;
        task = step.change.known.task;
        if (returnImmediately || isLast(step)) break;
      }
      if (task) return withHistory(task, historyLength);
      throw new MeshError('BAD_GATEWAY', 'NO_ANSWER', 'The turn of the agent ended without a word about a task.');
    },

    sendMessageStream: async function* (params, context) {
      const visitor = visitorOf(context);
      let begun = false;
      for await (const { change, message } of send(params, context, true)) {
        await visitor.drained();
        if (message) yield { payload: { $case: 'message', value: message } };
        else if (!begun) {
          // A stream begins with the task, that of a follow-up too (A2A 1.0, 3.1.2).
          const task = change.update.$case === 'task' ? change.update.value : change.known.task;
          yield { payload: { $case: 'task', value: withHistory(task, params.configuration?.historyLength) } };
          begun = true;
        } else if (change.update.$case !== 'message') yield { payload: change.update };
      }
    },

    getTask: async ({ id, historyLength }, context) => {
      checkHistoryLength(historyLength);
      return withHistory((await ownTask(id, visitorOf(context))).task, historyLength);
    },

    listTasks: async (params, context) => {
      const { tenant, agent: asker } = visitorOf(context).caller.credential.subject;
      const query = queryOf(params, { tenant, asker, agent });
      const { tasks, ...page } = view.list(query);
      const shown = tasks.map((task) => withHistory(task, params.historyLength));
      return {
        ...page,
        pageSize: query.pageSize,
        tasks: params.includeArtifacts ? shown : shown.map((task) => ({ ...task, artifacts: [] })),
      };
    },

    cancelTask: async ({ id }, context) => {
      const visitor = visitorOf(context);
      await ownTask(id, visitor);
      const waiting = AbortSignal.any([visitor.signal, AbortSignal.timeout(mesh.cancelMs ?? CANCEL_MS)]);
      const { known, changes } = view.follow(id, waiting);
      let last = known!;
      try {
        // As often as one likes: to cancel twice is to cancel once (A2A 1.0, 3.3.1).
        if (stateOf(last) === TaskState.TASK_STATE_CANCELED) return last.task;
        if (!isTerminal(stateOf(last))) {
          await cancel(last, visitor);
          for await (const change of changes) {
            last = change.known;
            if (isTerminal(stateOf(last))) break;
          }
          visitor.signal.throwIfAborted();
          if (!isTerminal(stateOf(last)) || stateOf(last) === TaskState.TASK_STATE_CANCELED) return last.task;
        }
        throw new TaskNotCancelableError(`Task ${id} has ended (${nameOfState(stateOf(last))}).`);
      } finally {
        await changes.return();
      }
    },

    resubscribe: async function* ({ id }, context) {
      const visitor = visitorOf(context);
      await ownTask(id, visitor);
      const { known, changes } = view.follow(id, visitor.signal, visitor.end);
      try {
        if (isTerminal(stateOf(known!)))
          throw new UnsupportedOperationError(
            `Task ${id} has ended (${nameOfState(stateOf(known!))}) and cannot be subscribed to.`,
          );
        yield { payload: { $case: 'task', value: known!.task } };
        yield* streamed(changes, known!.sequence, visitor);
      } finally {
        await changes.return();
      }
    },

    createTaskPushNotificationConfig: async (params, context) => {
      const visitor = visitorOf(context);
      return push.set(refOf(await ownTask(params.taskId, visitor)), params, visitor);
    },

    getTaskPushNotificationConfig: async ({ taskId, id }, context) => {
      await ownTask(taskId, visitorOf(context));
      return push.get(taskId, id);
    },

    listTaskPushNotificationConfigs: async ({ taskId }, context) => {
      await ownTask(taskId, visitorOf(context));
      return { configs: await push.list(taskId), nextPageToken: '' };
    },

    deleteTaskPushNotificationConfig: async ({ taskId, id }, context) => {
      const visitor = visitorOf(context);
      await push.remove(refOf(await ownTask(taskId, visitor)), id, visitor);
    },
  };
  return operations;
};

/** The operations with every error in the form of a binding. @param failed told what is the mesh's own fault. */
export const inFormOf = (
  handler: A2ARequestHandler,
  transport: MeshError['transport'],
  failed: (error: unknown) => void,
): A2ARequestHandler => {
  const worded = (error: unknown): Error => {
    const told = errorForClient(error);
    if (told instanceof MeshError) {
      if (told.kind === 'INTERNAL') failed(error);
      told.transport = transport;
    }
    return told;
  };
  const once =
    <A extends unknown[], R>(operation: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      try {
        return await operation(...given);
      } catch (error) {
        throw worded(error);
      }
    };
  const stream = <A extends unknown[]>(operation: (...given: A) => AsyncGenerator<StreamResponse, void, undefined>) =>
    async function* (...given: A): AsyncGenerator<StreamResponse, void, undefined> {
      try {
        yield* operation(...given);
      } catch (error) {
        throw worded(error);
      }
    };
  return {
    getAgentCard: once(handler.getAgentCard),
    getAuthenticatedExtendedAgentCard: once(handler.getAuthenticatedExtendedAgentCard),
    sendMessage: once(handler.sendMessage),
    sendMessageStream: stream(handler.sendMessageStream),
    getTask: once(handler.getTask),
    listTasks: once(handler.listTasks),
    cancelTask: once(handler.cancelTask),
    resubscribe: stream(handler.resubscribe),
    createTaskPushNotificationConfig: once(handler.createTaskPushNotificationConfig),
    getTaskPushNotificationConfig: once(handler.getTaskPushNotificationConfig),
    listTaskPushNotificationConfigs: once(handler.listTaskPushNotificationConfigs),
    deleteTaskPushNotificationConfig: once(handler.deleteTaskPushNotificationConfig),
  };
};
