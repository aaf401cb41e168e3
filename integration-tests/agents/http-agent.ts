/** An agent made with @a2a-js/sdk alone, which does what the words of its messages say. */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AGENT_CARD_PATH, AgentCard, Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk';
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryTaskStore,
} from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { textOf } from './client.ts';

interface Ids {
  taskId: string;
  contextId: string;
}

const statusOf = (state: string, untimed = false) => ({
  state: `TASK_STATE_${state}`,
  ...(untimed ? {} : { timestamp: new Date().toISOString() }),
});

const status = (bus: ExecutionEventBus, ids: Ids, state: string, untimed = false) =>
  bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ ...ids, status: statusOf(state, untimed) })));

const artifact = (bus: ExecutionEventBus, { taskId, contextId }: Ids, text: string, append: boolean) => {
  const update = { taskId, contextId, append, artifact: { artifactId: 'answer', parts: [{ text }] } };
  bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON(update)));
};

export interface HttpAgent {
  url: string;
  /** The text of each message that reached it. */
  heard: string[];
  /** The tasks that it was asked to cancel. */
  cancelled: string[];
  /** Lets everything end that stands at the word `hold`, now and later. */
  release(): void;
  close(): Promise<void>;
}

/**
 * `say <text>`: answers with a message. Otherwise it does word after word: STATE, STATE! (which does not say when), `wait` (until it is cancelled),
 * `hold` (until it is released), `count:<n>:<ms>` (n parts of an artifact), and any other as a part of an artifact.
 */
export const startHttpAgent = async (name: string): Promise<HttpAgent> => {
  const heard: string[] = [];
  const cancelled: string[] = [];
  const contexts = new Map<string, string>();
  const cancels = new Map<string, () => void>();
  const released = Promise.withResolvers<void>();

  const count = async (bus: ExecutionEventBus, ids: Ids, n: number, ms: number) => {
    for (let i = 0; i < n; i += 1) {
      await sleep(ms);
      artifact(bus, ids, `${i} `, i > 0);
    }
  };

  const obey = async (bus: ExecutionEventBus, ids: Ids, words: readonly string[]) => {
    let parts = 0;
    for (const word of words) {
      const [verb, n, ms] = word.split(':');
      if (verb === 'count') await count(bus, ids, Number(n), Number(ms));
      else if (word === 'hold') await released.promise;
      else if (word === 'wait') return await new Promise<void>((resolve) => cancels.set(ids.taskId, resolve));
      else if (/^[A-Z_]+!?$/.test(word)) status(bus, ids, word.replace('!', ''), word.endsWith('!'));
      else artifact(bus, ids, word, parts++ > 0);
    }
  };

  const executor: AgentExecutor = {
    execute: async ({ taskId, contextId, task, userMessage }, bus) => {
      const ids = { taskId, contextId };
      const text = textOf(userMessage.parts).join('');
      heard.push(text);
      contexts.set(taskId, contextId);
      if (text.startsWith('say ')) {
        const said = { messageId: `${taskId}-said`, contextId, role: 'ROLE_AGENT', parts: [{ text: text.slice(4) }] };
        bus.publish(AgentEvent.message(Message.fromJSON(said)));
      } else {
        const begun = { id: taskId, contextId, status: statusOf('SUBMITTED') };
        bus.publish(AgentEvent.task(task ?? { ...Task.fromJSON(begun), history: [userMessage] }));
        await obey(bus, ids, text.split(' '));
      }
      bus.finished();
    },
    cancelTask: async (taskId, bus) => {
      cancelled.push(taskId);
      status(bus, { taskId, contextId: contexts.get(taskId) ?? '' }, 'CANCELED');
      cancels.get(taskId)?.();
    },
  };

  const card = AgentCard.fromJSON({
    name,
    description: 'Does as it is told.',
    version: '1',
    capabilities: { streaming: true },
    supportedInterfaces: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'obey', name: 'Obey', description: 'Does as it is told.', tags: ['tests'] }],
  });
  const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
  const app = express();
  app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
  app.use(jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
  const server = createServer(app);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  card.supportedInterfaces = [{ url: `${url}/`, protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }];
  return {
    url,
    heard,
    cancelled,
    release: released.resolve,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
