/** What is asked of agents, as JSON-RPC of A2A 1.0. */
import { randomUUID } from 'node:crypto';
import { ANSWER, type Call } from '../call.ts';

export type A2aCall =
  | { method: 'SendMessage' }
  /** One after the other of these tasks. */
  | { method: 'GetTask'; ids: readonly string[] }
  /** @param tasks how many the page must hold */
  | { method: 'ListTasks'; params: object; tasks: number };

const QUESTION = 'Our order service lost a message last night. What would an event log have told us?';

const paramsOf = (call: A2aCall, n: number): object => {
  if (call.method === 'GetTask') return { id: call.ids[n % call.ids.length] };
  if (call.method === 'ListTasks') return call.params;
  return { message: { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text: QUESTION }] } };
};

const isRight = (call: A2aCall, text: string): boolean => {
  if (call.method === 'ListTasks')
    return (JSON.parse(text) as { result?: { tasks?: unknown[] } }).result?.tasks?.length === call.tasks;
  return call.method === 'GetTask'
    ? text.includes('"status"')
    : text.includes('"TASK_STATE_COMPLETED"') && text.includes(ANSWER);
};

export const a2aCall = (call: A2aCall, stream: boolean): Call => {
  const method = stream ? 'SendStreamingMessage' : call.method;
  return {
    path: '',
    headers: { 'a2a-version': '1.0' },
    body: (n) => JSON.stringify({ jsonrpc: '2.0', id: n, method, params: paramsOf(call, n) }),
    fault: (status, text) => (status === 200 && isRight(call, text) ? undefined : `${status}: ${text.slice(0, 300)}`),
  };
};
