/** What reaches an upstream is what its client said, although requests may refer to what earlier ones said already. */
import { hash } from 'node:crypto';
import type { LoggedRecord, Violation } from '../invariants/index.ts';
import type { Ask } from './clients.ts';
import type { AccessLog } from './upstream.ts';

const messagesOf = (body: string) => JSON.stringify((JSON.parse(body) as { messages: unknown }).messages);

/** What an agent asks of a model; nothing where it asks for something else, or for nothing that can be read. */
const readableBody = (record: LoggedRecord & { type: 'AgentCalled' }): string[] => {
  try {
    const { action, message } = record.data;
    return action === 'model.chat' ? [message.toString()] : [];
  } catch {
    return [];
  }
};

export const bodiesWhole = (asks: readonly Ask[], access: AccessLog, records: readonly LoggedRecord[]): Violation[] => {
  const ofAgents = records.flatMap((record) => (record.type === 'AgentCalled' ? readableBody(record) : []));
  const bodies = [...asks.map(({ body }) => JSON.stringify(body)), ...ofAgents];
  const said = new Map(bodies.map((body) => [hash('sha256', body, 'hex'), messagesOf(body)]));
  const dispatches = new Map(records.map((record) => [record.id, record]));
  return access.calls.flatMap(({ dispatchId }, i) => {
    const dispatch = dispatches.get(dispatchId);
    if (dispatch?.type !== 'RequestDispatched') return [];
    const { contextId, id, fingerprint } = dispatch.data.request;
    if (said.get(fingerprint) === messagesOf(access.bodies[i]!)) return [];
    const message = 'the upstream was asked something else than the client said';
    return [{ invariant: 'body whole', contextId, requestId: id, message }];
  });
};
