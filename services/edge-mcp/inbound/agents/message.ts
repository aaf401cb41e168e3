/** A message to an agent, as the log says it. Pure but for the ids. */
import { hash } from 'node:crypto';
import { Message, Role, type SendMessageRequest } from '@a2a-js/sdk';
import { writeSendMessage } from '../../../runtime/a2a/json.ts';
import { subjectOf } from '../../../runtime/edge/callers.ts';
import { requestReceived } from '../../../runtime/edge/request-received.ts';
import { newId } from '../../../runtime/event.ts';
import type { Event } from '../../../runtime/log.ts';
import { SOURCE } from '../request.ts';
import type { Visit } from '../visit.ts';

export const SEND = 'agent.send';
export const A2A = 'a2a';

const sendMessage = (text: string, ids: { contextId: string; taskId?: string }, at: number): SendMessageRequest => ({
  tenant: '',
  message: {
    ...Message.fromJSON({ messageId: newId(at), ...ids, parts: [{ text }] }),
    role: Role.ROLE_USER,
  },
  configuration: undefined,
  metadata: undefined,
});

/** The event that a call is. It may take as long as one of an A2A client. @param taskId the task that goes on with it; else it is a new one. */
export const received = (
  visit: Visit,
  { agent, message: text, contextId, taskId }: { agent: string; message: string; contextId: string; taskId?: string },
  traceparent: string,
  now: number,
): Event<'RequestReceived'> => {
  const id = visit.requestId;
  const message = writeSendMessage(sendMessage(text, { contextId, ...(taskId && { taskId }) }, now));
  const request = {
    id,
    contextId,
    subject: subjectOf(visit.caller),
    action: SEND,
    resource: { type: 'agent', id: agent },
    protocol: A2A,
    deadline: now + visit.inForce.a2a.turnDeadlineMs,
    repeatable: false,
    streaming: true,
    fingerprint: hash('sha256', message, 'hex'),
    headers: {},
    message,
    spans: [],
    taskId: taskId ?? newId(now),
    parentTaskId: visit.caller.chain.parentTaskId,
    arguments: {},
  };
  return requestReceived(SOURCE, request, traceparent, now);
};
