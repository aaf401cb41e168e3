import type * as mesh from '../../schemas/generated.ts';
import type { Statement } from '../runtime/processor.ts';

interface SendMessage {
  message: Record<string, unknown>;
  configuration?: { returnImmediately?: boolean };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** @throws where the request is not A2A's SendMessageRequest. */
const readSendMessage = (message: Buffer): SendMessage => {
  const read = JSON.parse(message.toString()) as Partial<SendMessage> | null;
  if (typeof read?.message !== 'object' || read.message === null)
    throw new Error('a message to an agent has no message');
  return read as SendMessage;
};

/**
 * A message for an agent on the log, and the first report of the turn that it begins.
 * @param time when it was dispatched, milliseconds since the epoch.
 */
export const deliver = (
  { request, target, attempt }: mesh.RequestDispatched,
  time: number,
): Statement<'MessageDelivered' | 'TaskReported'>[] => {
  const { id: requestId, taskId, contextId, subject, action, resource, deadline, parentTaskId } = request;
  const sent = readSendMessage(request.message);
  const continues = typeof sent.message.taskId === 'string' && sent.message.taskId !== '';
  const message = { ...sent.message, taskId, contextId };
  const status = { state: 'TASK_STATE_SUBMITTED', timestamp: new Date(time).toISOString() };
  const update = continues
    ? { message }
    : { task: { id: taskId, contextId, status, artifacts: [], history: [message] } };
  const agent = resource.id;
  return [
    {
      type: 'TaskReported',
      data: {
        taskId,
        agent,
        update: json(update),
        turn: { requestId, subject, action, resource, target, attempt, deadline, startedAt: time },
        parentTaskId,
        remote: null,
        // Who asked not to wait is told of the task at once; others once the agent has said what becomes of the message.
        announced: sent.configuration?.returnImmediately === true,
      },
    },
    {
      type: 'MessageDelivered',
      data: { agent, taskId, contextId, requestId, subject, continues, deadline, request: json({ ...sent, message }) },
    },
  ];
};
