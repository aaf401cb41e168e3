/** A message to an agent as the log says it. Pure but for the ids. */
import { createHash } from 'node:crypto';
import type { SendMessageRequest } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { Request } from '../../../schemas/generated.ts';
import { MalformedError, readSendMessage, writeSendMessage } from '../../runtime/a2a/json.ts';
import { subjectOf } from '../../runtime/edge/callers.ts';
import { requestReceived } from '../../runtime/edge/request-received.ts';
import { newId } from '../../runtime/event.ts';
import type { Event } from '../../runtime/log.ts';
import type { Visitor } from './visitor.ts';

export const SOURCE = 'edge-a2a';
export const PROTOCOL = 'a2a';
export const SEND = 'agent.send';
/** Travels to the agent: which extensions the client wants (A2A 1.0, 4.6). */
const EXTENSIONS = 'a2a-extensions';

export interface Sending {
  agent: string;
  visitor: Visitor;
  params: SendMessageRequest;
  contextId: string;
  taskId: string;
  streaming: boolean;
  extensions: readonly string[];
  /** Milliseconds since the epoch. */
  now: number;
  deadline: number;
}

/**
 * What the agent is to read: without where the client wants to be told of updates, which is the mesh's to do and has secrets.
 * @throws RequestMalformedError
 */
const messageOf = ({ params, contextId }: Sending): Buffer => {
  const { message, configuration } = params;
  const configured = configuration && { ...configuration, taskPushNotificationConfig: undefined };
  try {
    const bytes = writeSendMessage({
      ...params,
      tenant: '',
      message: message && { ...message, contextId },
      configuration: configured,
    });
    readSendMessage(bytes);
    return bytes;
  } catch (error) {
    if (error instanceof MalformedError)
      throw new RequestMalformedError(`The message cannot be taken: ${error.message}.`);
    if (error instanceof RangeError) throw new RequestMalformedError('The message is nested too deeply.');
    throw error;
  }
};

/** The event that a call is. @throws RequestMalformedError */
export const received = (sending: Sending): Event<'RequestReceived'> => {
  const { agent, visitor, contextId, taskId, streaming, extensions, now, deadline } = sending;
  const id = newId(now);
  const message = messageOf(sending);
  const request: Request = {
    id,
    contextId,
    subject: subjectOf(visitor.caller),
    action: SEND,
    resource: { type: 'agent', id: agent },
    protocol: PROTOCOL,
    deadline,
    repeatable: false,
    streaming,
    fingerprint: createHash('sha256').update(message).digest('hex'),
    headers: extensions.length > 0 ? { [EXTENSIONS]: extensions.join(',') } : {},
    message,
    spans: [],
    taskId,
    parentTaskId: visitor.caller.chain.parentTaskId,
    arguments: {},
  };
  return requestReceived(SOURCE, request, visitor.traceparent, now);
};
