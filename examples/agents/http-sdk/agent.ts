// An HTTP agent, made with @a2a-js/sdk alone: of the mesh it knows nothing.
//   PORT=4201 node examples/agents/http-sdk/agent.ts
//   mesh.yaml, agents:  researcher: { unit: research, owner: owner@example.com, url: http://127.0.0.1:4201 }
import { createServer } from 'node:http';
import { AGENT_CARD_PATH, AgentCard, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk';
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';

const port = Number(process.env.PORT ?? 4201);

const card = AgentCard.fromJSON({
  name: 'researcher',
  description: 'Finds facts: how long the question is, and how many words it has.',
  version: '1.0.0',
  supportedInterfaces: [{ url: `http://127.0.0.1:${port}/`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  capabilities: { streaming: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'count', name: 'Count', description: 'Counts words and letters.', tags: ['facts'] }],
});

const researcher: AgentExecutor = {
  execute: async ({ taskId, contextId, task, userMessage }, bus) => {
    const text = userMessage.parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join(' ');
    const state = (name: string) => ({ taskId, contextId, status: { state: `TASK_STATE_${name}` } });
    const begun = { id: taskId, contextId, status: { state: 'TASK_STATE_SUBMITTED' } };
    bus.publish(AgentEvent.task(task ?? { ...Task.fromJSON(begun), history: [userMessage] }));
    bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON(state('WORKING'))));
    const facts = `${text.length} characters, ${text.split(/\s+/).filter(Boolean).length} words.`;
    const artifact = { artifactId: 'facts', name: 'facts', parts: [{ text: facts }] };
    bus.publish(
      AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ taskId, contextId, artifact, lastChunk: true })),
    );
    bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON(state('COMPLETED'))));
    bus.finished();
  },
  // It is done before anybody can ask it to stop.
  cancelTask: async () => {},
};

const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), researcher);
const app = express();
app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
app.use(jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
createServer(app).listen(port, '127.0.0.1', () => console.log(`researcher at http://127.0.0.1:${port}`));
