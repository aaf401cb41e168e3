/** What is sent to an agent: the client's message with the agent's own ids, and who asks. Pure. */
import type { Message, SendMessageRequest } from '@a2a-js/sdk';
import type * as mesh from '../../../schemas/generated.ts';
import { ACTOR_HEADER, type Actor } from '../../runtime/edge/actor-token.ts';
import { derivedId } from '../../runtime/event.ts';

/**
 * How a conversation is named to agents of which it has no task yet. It is a client's own to name, and two clients may name
 * theirs alike: what an agent remembers of a conversation is that of one calling agent of one tenant.
 */
export const remoteContextId = ({ contextId, subject }: Pick<mesh.Request, 'contextId' | 'subject'>): string =>
  derivedId('context', subject.tenant, subject.agent, contextId);

/** @param remoteOf the agent's own name of a task of the mesh's, where it is known and the agent's. */
export const outgoingMessage = (
  request: Pick<mesh.Request, 'contextId' | 'subject'>,
  { message, configuration, metadata }: SendMessageRequest & { message: Message },
  remote: mesh.RemoteTask | null,
  remoteOf: (taskId: string) => string | undefined,
): SendMessageRequest => ({
  tenant: '',
  message: {
    ...message,
    taskId: remote?.taskId ?? '',
    contextId: remote?.contextId || remoteContextId(request),
    // What it can't know it is not told.
    referenceTaskIds: message.referenceTaskIds.flatMap((id) => remoteOf(id) ?? []),
  },
  configuration: {
    acceptedOutputModes: configuration?.acceptedOutputModes ?? [],
    // The mesh tells clients itself, shortens histories itself, and follows what goes on.
    taskPushNotificationConfig: undefined,
    returnImmediately: true,
  },
  metadata,
});

/** What travels with it. */
export const outgoingHeaders = (
  dispatchId: string,
  { headers }: Pick<mesh.Request, 'headers'>,
  traceparent: string,
  actorToken: string,
): Record<string, string> => {
  const extensions = headers['a2a-extensions'];
  return {
    // What ties the agent's access log to this one.
    'x-client-request-id': dispatchId,
    [ACTOR_HEADER]: actorToken,
    ...(traceparent === '' ? {} : { traceparent }),
    ...(extensions ? { 'A2A-Extensions': extensions } : {}),
  };
};

/** Who acts once the agent calls on. */
export const actorOf = ({ subject, contextId, taskId, resource }: mesh.Request): Actor => ({
  agent: resource.id,
  person: subject.person,
  actors: [...subject.actors, subject.agent],
  contextId,
  taskId,
});
