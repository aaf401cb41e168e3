/** Who wants to be told of a task by HTTP: kept in the log, with their secrets sealed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskPushNotificationConfig } from '@a2a-js/sdk';
import { RequestMalformedError, TaskNotFoundError } from '@a2a-js/sdk/errors';
import type { PushConfigurationSet } from '../../../schemas/generated.ts';
import { subjectOf } from '../../runtime/edge/callers.ts';
import { newId } from '../../runtime/event.ts';
import type { Event, Log } from '../../runtime/log.ts';
import type { Signing } from '../../runtime/signing.ts';
import type { PushConfigurations } from '../push/configurations.ts';
import { SOURCE } from './request.ts';
import type { Visitor } from './visitor.ts';

const DEFAULT_ID = 'default';
const MAX_ID = 128;
const MAX_URL = 2_048;
/** Of one task. Each update is sent to all of them. */
const MAX_CONFIGURATIONS = 20;
const SEEN_MS = 1_000;
const LOOK_MS = 5;

export interface TaskRef {
  agent: string;
  taskId: string;
  contextId: string;
}

const checkUrl = (text: string): URL => {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) throw new RequestMalformedError('url must be an http or https URL.');
  if (text.length > MAX_URL) throw new RequestMalformedError(`url is longer than ${MAX_URL} characters.`);
  if (url.username || url.password)
    throw new RequestMalformedError('url must not have a password: use authentication.');
  return url;
};

const stating = <T extends 'PushConfigurationSet' | 'PushConfigurationDeleted'>(
  type: T,
  { taskId, contextId }: TaskRef,
  configurationId: string,
  { traceparent }: Visitor,
  now: number,
  data: Event<T>['data'],
): Event<T> => {
  const id = newId(now);
  const key = `${contextId}/${taskId}.${configurationId}`;
  return { id, type, source: SOURCE, key, time: now, correlationId: id, causationId: '', traceparent, data };
};

/**
 * @param known what the log says.
 * @param refuses why a URL may not be told anything; undefined: it may.
 */
export const createPushConfigurations = (
  { log, signing, known, now }: { log: Log; signing: Signing; known: PushConfigurations; now(): number },
  refuses: (url: URL) => string | undefined = () => undefined,
) => {
  const find = (taskId: string, id: string) => known.of(taskId).find(({ configurationId }) => configurationId === id);

  const read = async ({ sealed, taskId, configurationId, url }: PushConfigurationSet) => ({
    ...TaskPushNotificationConfig.fromJSON(JSON.parse((await signing.open(sealed)).toString())),
    taskId,
    id: configurationId,
    url,
  });

  /** So that who asks next at this edge finds what was just said. */
  const untilSeen = async (seen: () => boolean) => {
    for (const until = performance.now() + SEEN_MS; !seen() && performance.now() < until; ) await sleep(LOOK_MS);
  };

  /** The event that sets it, and what it is then. @throws RequestMalformedError */
  const setting = async (task: TaskRef, given: TaskPushNotificationConfig, visitor: Visitor) => {
    const url = checkUrl(given.url);
    const refused = refuses(url);
    if (refused !== undefined) throw new RequestMalformedError(`url cannot be told anything: ${refused}.`);
    // Clients of 0.3 name none when they set one, and ask for `default` then.
    const id = given.id || (find(task.taskId, DEFAULT_ID) ? newId(now()) : DEFAULT_ID);
    if (id.length > MAX_ID) throw new RequestMalformedError(`id is longer than ${MAX_ID} characters.`);
    const others = known.of(task.taskId).filter(({ configurationId }) => configurationId !== id);
    if (others.length >= MAX_CONFIGURATIONS)
      throw new RequestMalformedError(`A task has at most ${MAX_CONFIGURATIONS} push notification configurations.`);
    const configuration = { ...given, id, taskId: task.taskId, tenant: '' };
    const sealed = await signing.seal(Buffer.from(JSON.stringify(TaskPushNotificationConfig.toJSON(configuration))));
    const { agent, taskId } = task;
    const subject = subjectOf(visitor.caller);
    const data = { taskId, configurationId: id, agent, subject, url: given.url, sealed };
    return { configuration, event: stating('PushConfigurationSet', task, id, visitor, now(), data) };
  };

  const remove = async (task: TaskRef, id: string, visitor: Visitor): Promise<void> => {
    const { taskId } = task;
    const data = { taskId, configurationId: id };
    await log.append([stating('PushConfigurationDeleted', task, id, visitor, now(), data)]);
    await untilSeen(() => !find(taskId, id));
  };

  return {
    setting,
    set: async (task: TaskRef, given: TaskPushNotificationConfig, visitor: Visitor) => {
      const { configuration, event } = await setting(task, given, visitor);
      await log.append([event]);
      await untilSeen(() => find(task.taskId, configuration.id)?.sealed.equals(event.data.sealed) ?? false);
      return configuration;
    },
    /** @throws TaskNotFoundError where there is none (A2A 1.0, 3.1.8). */
    get: async (taskId: string, id: string): Promise<TaskPushNotificationConfig> => {
      const found = find(taskId, id);
      if (!found) throw new TaskNotFoundError(`Task ${taskId} has no push notification configuration ${id}.`);
      return read(found);
    },
    list: async (taskId: string): Promise<TaskPushNotificationConfig[]> => Promise.all(known.of(taskId).map(read)),
    remove,
  };
};

export type PushStore = ReturnType<typeof createPushConfigurations>;
