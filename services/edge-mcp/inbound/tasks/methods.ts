/**
 * The extension io.modelcontextprotocol/tasks (SEP-2663): a call that goes on for long is answered with a task, which its client
 * asks for at any replica. A task is made of nothing but its request: whether there is one is for the log to say.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { createAdmission } from '../../../runtime/edge/admission.ts';
import { headerOf } from '../../../runtime/edge/headers.ts';
import { type Edge, namesOf } from '../answers.ts';
import { type Asked, asked } from '../asked.ts';
import { invalidParams, type McpProblem, noTask, TASKS, tasksWanted, wrongName } from '../problems.ts';
import { denialsOf, type Exchange } from '../relay.ts';
import { cancelled, inputProvided, type Speaker } from '../request.ts';
import type { Visit } from '../visit.ts';
import { followTasks, type WordDenial } from './follow.ts';
import { detailedTaskOf, outstanding, TTL_MS, taskOf } from './task.ts';
import { openTask, sealTask, type TaskRef } from './task-id.ts';

const byId = z.looseObject({ taskId: z.string() });
const paramsOf = {
  'tasks/get': byId,
  'tasks/update': byId.extend({ inputResponses: z.record(z.string(), z.record(z.string(), z.unknown())) }),
  'tasks/cancel': byId,
};
const listOfIds = z.array(z.string());
export type TaskMethod = keyof typeof paramsOf;
export const isTaskMethod = (method: string): method is TaskMethod => Object.hasOwn(paramsOf, method);

const members = z.record(z.string(), z.unknown());
const extensionsOf = (capabilities: unknown) =>
  z.looseObject({ extensions: members }).safeParse(capabilities).data?.extensions;

const declares = ({ capabilities }: Speaker): boolean => extensionsOf(capabilities)?.[TASKS] !== undefined;

/** A server is not told of the extension: tasks are the mesh's, and it would give one of its own. */
const withoutTasks = (speaker: Speaker): Speaker => {
  const { [TASKS]: _, ...extensions } = extensionsOf(speaker.capabilities) ?? {};
  return { ...speaker, capabilities: { ...(speaker.capabilities as object), extensions } };
};

/**
 * Why a request is not taken, before it is read further: the tasks extension wants its capability, and its header.
 * @param params of any request.
 */
export const taskProblem = (
  { request }: Visit,
  method: string,
  params: Record<string, unknown>,
  speaker: Speaker,
): McpProblem | undefined => {
  if (method === 'subscriptions/listen') {
    const { taskIds } = (params.notifications ?? {}) as { taskIds?: unknown };
    if (taskIds === undefined) return undefined;
    if (!declares(speaker)) return tasksWanted();
    return listOfIds.safeParse(taskIds).success
      ? undefined
      : invalidParams('Invalid params: taskIds: expected strings');
  }
  if (!isTaskMethod(method)) return undefined;
  if (!declares(speaker)) return tasksWanted();
  return typeof params.taskId === 'string' && headerOf(request.headers, 'mcp-name') !== params.taskId
    ? wrongName()
    : undefined;
};

export interface Tasks {
  /**
   * For a call of a client that takes tasks: `instead` makes one of it; undefined where it has too many open.
   * @param isUnderKey whether it has an idempotency key. @returns undefined for any other call.
   */
  begin(visit: Visit, speaker: Speaker, params: unknown, isUnderKey: boolean): Begun | undefined;
  /** @throws McpProblem; PARLEY_LOG_UNAVAILABLE */
  serve(visit: Visit, method: TaskMethod, params: unknown): Promise<Record<string, unknown>>;
  /** Which of these tasks are the visitor's. */
  own(visit: Visit, taskIds: readonly string[]): Promise<OwnTask[]>;
  /**
   * Tells of a task as tasks/get would: as it is, and then whenever its status is another.
   * @returns what ends that. @throws PARLEY_LOG_UNAVAILABLE
   */
  watch(visit: Visit, task: OwnTask, tell: (task: Record<string, unknown>) => void): Promise<() => void>;
  close(): void;
}

export interface OwnTask {
  taskId: string;
  ref: TaskRef;
}

export interface Begun {
  /** As its server is to know the client. */
  speaker: Speaker;
  instead: Exchange['instead'];
  /** The call was answered: no task is made of it any more. */
  over(): void;
}

export const createTasks = (edge: Edge): Tasks => {
  const { now, signing } = edge.context;
  const following = followTasks(edge.log, edge.asker, edge.context.logger, now);
  /** Open tasks are counted as requests in flight are, and apart from them. */
  const admission = createAdmission();

  const wordingOf =
    (visit: Visit, tool: string): WordDenial =>
    (denial) => {
      let ask: Asked;
      try {
        ask = asked(namesOf(edge, visit), visit.endpoint, 'tools/call', { name: tool });
      } catch (error) {
        return error as Error;
      }
      return denialsOf(edge, visit, ask, true)(denial);
    };

  const found = async (visit: Visit, taskId: string): Promise<TaskRef> => {
    const ref = await openTask(signing, taskId);
    const { tenant, agent } = visit.caller.credential.subject;
    const isTheirs = ref?.tenant === tenant && ref.agent === agent && ref.endpoint === visit.endpoint;
    if (!ref || !isTheirs || ref.begun + TTL_MS <= now()) throw noTask();
    return ref;
  };

  const update = async (visit: Visit, ref: TaskRef, responses: Record<string, Record<string, unknown>>) => {
    const word = wordingOf(visit, ref.tool);
    let state = await following.find(ref, word);
    const given = Object.entries(responses);
    const isUnheard = ([id]: [string, unknown]) => !state.questions.has(id);
    if (!state.end && given.some(isUnheard)) state = await following.findAgain(ref, word);
    if (state.end) return;
    const open = new Set(outstanding(state).map(([id]) => id));
    const at = { requestId: ref.request, contextId: ref.contextId, traceparent: visit.traceparent };
    const said = given.filter(([id]) => open.has(id)).map(([id, result]) => inputProvided(at, id, { result }, now()));
    if (said.length === 0) return;
    await edge.log.append(said);
    for (const { data, time } of said) following.answered(ref, data.inputId, time);
  };

  const cancel = async (visit: Visit, ref: TaskRef) => {
    const { end } = await following.find(ref, wordingOf(visit, ref.tool));
    if (end) return;
    const { request: id, contextId: key } = ref;
    await edge.log.append([
      cancelled({ id, key, correlationId: id, traceparent: visit.traceparent }, 'CLIENT_GONE', now()),
    ]);
  };

  return {
    begin: (visit, speaker, params, isUnderKey) => {
      if (!declares(speaker)) return undefined;
      const nothing = { speaker: withoutTasks(speaker), instead: undefined, over: () => {} };
      const { credential } = visit.caller;
      const { limits } = visit.inForce;
      const { name } = (params ?? {}) as { name?: unknown };
      if (typeof name !== 'string' || admission.enter(credential.id, limits)) return nothing;
      // Its client does not wait at a connection.
      if (headerOf(visit.request.headers, 'x-request-timeout-ms') === undefined)
        visit.deadline = now() + limits.maxDeadlineMs;
      const { tenant, agent } = credential.subject;
      const { requestId: request, contextId, endpoint, deadline } = visit;
      const ref: TaskRef = { request, contextId, tenant, agent, endpoint, tool: name, begun: now(), deadline };
      const one = following.begin(ref, isUnderKey, wordingOf(visit, name), () => admission.leave(credential.id));
      let isTask = false;
      const result = async () => {
        isTask = true;
        visit.said.ended = 'TASK';
        return { resultType: 'task', ...taskOf(await sealTask(signing, ref), ref, one.state(), now()) };
      };
      return {
        ...nothing,
        instead: { afterMs: edge.taskMs, result },
        over: () => {
          if (!isTask) one.end();
        },
      };
    },
    serve: async (visit, method, given) => {
      const params = paramsOf[method].safeParse(given);
      if (!params.success) throw invalidParams(`Invalid params of ${method}`);
      const { taskId } = params.data;
      const ref = await found(visit, taskId);
      Object.assign(visit, { contextId: ref.contextId, requestId: ref.request });
      visit.said.name = ref.tool;
      if (method === 'tasks/get') {
        const state = await following.find(ref, wordingOf(visit, ref.tool));
        return detailedTaskOf(taskId, ref, state, now());
      }
      if (method === 'tasks/cancel') await cancel(visit, ref);
      else await update(visit, ref, (params.data as z.infer<(typeof paramsOf)['tasks/update']>).inputResponses);
      return {};
    },
    own: async (visit, taskIds) => {
      const refs = await Promise.all(taskIds.map((taskId) => found(visit, taskId).catch(() => undefined)));
      return taskIds.flatMap((taskId, i) => (refs[i] ? [{ taskId, ref: refs[i] }] : []));
    },
    watch: (visit, { taskId, ref }, tell) => {
      let last: object = {};
      return following.watch(ref, wordingOf(visit, ref.tool), (state) => {
        const task = detailedTaskOf(taskId, ref, state, now());
        const { lastUpdatedAt: _at, pollIntervalMs: _poll, ...said } = task;
        if (isDeepStrictEqual(said, last)) return;
        last = said;
        tell(task);
      });
    },
    close: () => following.close(),
  };
};
