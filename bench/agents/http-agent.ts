/**
 * An HTTP agent, made with @a2a-js/sdk alone, that answers at once with a completed task.
 *   node bench/agents/http-agent.ts
 * Prints its URL as JSON on standard output once it listens, and ends with standard input.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AGENT_CARD_PATH, AgentCard, Task } from '@a2a-js/sdk';
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { ANSWER } from '../call.ts';

const executor: AgentExecutor = {
  execute: async ({ taskId, contextId, userMessage }, bus) => {
    const message = { messageId: `${taskId}-answer`, taskId, contextId, role: 'ROLE_AGENT', parts: [{ text: ANSWER }] };
    const status = { state: 'TASK_STATE_COMPLETED', timestamp: new Date().toISOString(), message };
    bus.publish(AgentEvent.task({ ...Task.fromJSON({ id: taskId, contextId, status }), history: [userMessage] }));
    bus.finished();
  },
  cancelTask: async () => {},
};

const card = AgentCard.fromJSON({
  name: 'bench',
  description: 'Answers at once.',
  version: '1',
  capabilities: { streaming: true },
  supportedInterfaces: [],
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'answer', name: 'Answer', description: 'Answers at once.', tags: ['bench'] }],
});
const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
const app = express();
app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
app.use(jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
const server = createServer({ noDelay: true, keepAliveTimeout: 300_000 }, app);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  card.supportedInterfaces = [{ url, protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }];
  console.log(JSON.stringify({ url }));
});
// Whoever started it holds the other end: it cannot outlive that, however that ends.
process.stdin.resume().once('end', () => process.exit(0));
