/** Streams of `subscriptions/listen`, beyond what the SDK makes of them: resources of servers, and tasks (SEP-2663). */
import { type ServerEvent, SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import { McpProblem } from './problems.ts';
import type { Message } from './request.ts';
import type { Tasks } from './tasks/methods.ts';
import type { Visit } from './visit.ts';

/** Resources, and tasks, that one stream may listen to. */
const MAX_SUBSCRIPTIONS = 200;

type Filter = Readonly<Record<string, unknown>>;

const filterOf = ({ params }: Message): Filter => (params?.notifications ?? {}) as Filter;
const withFilter = (message: Message, notifications: Filter): Message => ({
  ...message,
  params: { ...message.params, notifications },
});
const stringsOf = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? value.slice(0, MAX_SUBSCRIPTIONS) : undefined;

/** The resources that a stream listens to. */
export const resourcesOf = (message: Message): readonly string[] =>
  stringsOf(filterOf(message).resourceSubscriptions) ?? [];

/**
 * What the client listens to is asked for upstream, for as long as it does; of resources that it may not subscribe to it
 * hears nothing.
 * @param change subscribes at the resource's server, or the other way round.
 */
export const withResources = async (
  { response }: Visit,
  message: Message,
  change: (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<unknown>,
): Promise<Message> => {
  const filter = filterOf(message);
  const uris = stringsOf(filter.resourceSubscriptions);
  if (!uris) return message;
  const taken: string[] = [];
  const leave = () => {
    for (const uri of taken.splice(0)) change('resources/unsubscribe', uri).catch(() => {});
  };
  response.once('close', leave);
  for (const uri of uris) {
    if (response.destroyed) break;
    try {
      await change('resources/subscribe', uri);
      taken.push(uri);
    } catch (error) {
      if (!(error instanceof McpProblem)) throw error;
    }
  }
  // It may have left meanwhile.
  if (response.destroyed) leave();
  return withFilter(message, { ...filter, resourceSubscriptions: [...taken] });
};

/** A stream on which tasks are told of. */
export interface TaskStream {
  /** As the SDK is to serve it. */
  message: Message;
  /** Whether the client wants to hear of what the SDK would tell it. */
  wants(event: ServerEvent): boolean;
  /** The SDK's answer, with the tasks. */
  answer(answered: Response): Response;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const frame = (message: object) => encoder.encode(`event: message\ndata: ${JSON.stringify(message)}\n\n`);

/**
 * The SDK knows nothing of tasks: it is asked for a stream that stays open, of which the acknowledgment, its first message, is
 * worded anew, and on which changes of tasks are told between its own messages.
 * @returns undefined where the client listens to no task of its own.
 */
export const withTasks = async (
  visit: Visit,
  message: Message,
  tasks: Pick<Tasks, 'own' | 'watch'>,
  logger: Logger,
): Promise<TaskStream | undefined> => {
  const { taskIds, ...filter } = filterOf(message);
  const own = await tasks.own(visit, stringsOf(taskIds) ?? []);
  if (own.length === 0) return undefined;
  const hearsTools = filter.toolsListChanged === true;

  const acknowledged = (chunk: Uint8Array): Uint8Array => {
    const said = JSON.parse(/^data: (.*)$/m.exec(decoder.decode(chunk))![1]!);
    const { toolsListChanged: _, ...others } = said.params.notifications;
    const honored = { ...others, ...(hearsTools && { toolsListChanged: true }), taskIds: own.map((one) => one.taskId) };
    return frame({ ...said, params: { ...said.params, notifications: honored } });
  };

  return {
    message: withFilter(message, { ...filter, toolsListChanged: true }),
    wants: ({ kind }) => hearsTools || kind !== 'tools_list_changed',
    answer: (answered) => {
      if (!answered.body || !answered.headers.get('content-type')?.startsWith('text/event-stream')) return answered;
      let isFirst = true;
      let over = false;
      const ends: (() => void)[] = [];
      const end = () => {
        over = true;
        for (const one of ends.splice(0)) one();
      };
      visit.response.once('close', end);
      const begin = async (tell: (task: Record<string, unknown>) => void) => {
        // One after the other: each may read a partition.
        for (const one of own) {
          if (over) return;
          ends.push(await tasks.watch(visit, one, tell));
          if (over) end();
        }
      };
      const stream = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          controller.enqueue(isFirst ? acknowledged(chunk) : chunk);
          if (!isFirst) return;
          isFirst = false;
          const _meta = { [SUBSCRIPTION_ID_META_KEY]: message.id };
          const tell = (task: Record<string, unknown>) => {
            const told = { jsonrpc: '2.0', method: 'notifications/tasks', params: { ...task, _meta } };
            if (!over) controller.enqueue(frame(told));
          };
          begin(tell).catch((error) => {
            logger.warn({ err: error }, 'tasks cannot be listened to: the log cannot be read');
            // A client that is cut off listens again.
            visit.response.destroy();
          });
        },
        flush: end,
      });
      return new Response(answered.body.pipeThrough(stream), answered);
    },
  };
};
