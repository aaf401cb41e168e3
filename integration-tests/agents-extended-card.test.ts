/** Agents of the A2A SDK that tell those who are authenticated more of themselves, and clients that ask the mesh for it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk';
import { type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import express from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Binding, bindings, cardOf, clientOf } from './agents/client.ts';
import { type AgentMesh, createAgentMesh, type Replica } from './agents/mesh.ts';
import { until } from './mesh.ts';

interface Agent {
  url: string;
  /** What it tells to those who are authenticated. */
  extended: AgentCard;
  close(): void;
}

const cardNamed = (name: string, skill: string): AgentCard =>
  AgentCard.fromJSON({
    name,
    description: `${name} for ${skill}`,
    version: '1',
    capabilities: { streaming: true, extendedAgentCard: true },
    supportedInterfaces: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: skill, name: skill, description: skill, tags: [] }],
  });

const idle: AgentExecutor = { execute: async () => {}, cancelTask: async () => {} };

/** An agent that is reached by one binding of one version only. */
const startAgent = async (name: string, binding: Binding, protocolVersion: '1.0' | '0.3'): Promise<Agent> => {
  const card = cardNamed(name, 'everybody');
  const agent = { extended: cardNamed(name, 'some') };
  const requestHandler = new DefaultRequestHandler(
    card,
    new InMemoryTaskStore(),
    idle,
    undefined,
    undefined,
    undefined,
    async () => agent.extended,
  );
  const app = express();
  const served = { requestHandler, userBuilder: UserBuilder.noAuthentication };
  const legacyCompat = { enabled: protocolVersion === '0.3' };
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler, legacyCompat }));
  app.use('/rpc', jsonRpcHandler({ ...served, legacyCompat }));
  app.use('/rest', restHandler({ ...served, legacyCompat }));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const grpc = new GrpcServer();
  grpc.addService(A2AService, grpcService(served));
  const grpcPort = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  const places = { JSONRPC: `${url}/rpc`, 'HTTP+JSON': `${url}/rest`, GRPC: `127.0.0.1:${grpcPort}` };
  const supportedInterfaces = [{ url: places[binding], protocolBinding: binding, protocolVersion, tenant: '' }];
  card.supportedInterfaces = supportedInterfaces;
  agent.extended.supportedInterfaces = supportedInterfaces;
  const close = () => {
    server.closeAllConnections();
    server.close();
    grpc.forceShutdown();
  };
  return Object.assign(agent, { url, close });
};

const kinds = [
  ['rpc', 'JSONRPC', '1.0'],
  ['rest', 'HTTP+JSON', '1.0'],
  ['grpc', 'GRPC', '1.0'],
  ['old', 'JSONRPC', '0.3'],
  ['hidden', 'JSONRPC', '1.0'],
] as const;

let agents: Record<string, Agent>;
let mesh: AgentMesh;
let edge: Replica;

beforeAll(async () => {
  const started = kinds.map(
    async ([name, binding, version]) => [name, await startAgent(name, binding, version)] as const,
  );
  agents = Object.fromEntries(await Promise.all(started));
  mesh = await createAgentMesh({ agents, a2a: { root: 'rpc' } });
  edge = await mesh.serve();
});
afterAll(async () => {
  await mesh?.close();
  for (const agent of Object.values(agents ?? {})) agent.close();
});

const skillsOf = ({ skills }: AgentCard) => skills.map(({ id }) => id);

test.each(kinds)('of the agent %s, reached by %s of A2A %s, the extended card is the mesh’s', async (name) => {
  const card = await cardOf(edge.url, name);
  expect([skillsOf(card), card.capabilities?.extendedAgentCard]).toEqual([['everybody'], true]);
  const extended = await (await clientOf(edge.url, name)).getAgentCard();
  expect([extended.description, skillsOf(extended)]).toEqual([`${name} for some`, ['some']]);
  expect(extended.supportedInterfaces).toEqual(card.supportedInterfaces);
  expect(extended.securitySchemes).toEqual(card.securitySchemes);
  await verifyAgentCardSignature(async (kid, jku) => {
    const { keys } = (await (await fetch(jku!)).json()) as { keys: { kid: string }[] };
    return keys.find((key) => key.kid === kid) as never;
  })(extended);
});

describe.each(bindings.flatMap((binding) => (['1.0', '0.3'] as const).map((version) => ({ binding, version }))))(
  'a client that speaks $binding of A2A $version',
  ({ binding, version }) => {
    test('is given the extended card, where it may send to the agent', async () => {
      const extended = await (await clientOf(edge.url, 'rpc', binding, { version })).getAgentCard();
      expect(skillsOf(extended)).toEqual(['some']);
      const stranger = await clientOf(edge.url, 'rpc', binding, { version, key: 'rival' });
      await expect(stranger.getAgentCard()).rejects.toThrow('no agent rpc');
    });
  },
);

test('who may not send to an agent is told of none, and others are given its card', async () => {
  const denied = await clientOf(edge.url, 'hidden', 'JSONRPC', { key: 'shop' });
  await expect(denied.getAgentCard()).rejects.toThrow('no agent hidden');
  expect(skillsOf(await (await clientOf(edge.url, 'hidden')).getAgentCard())).toEqual(['some']);
});

test('another edge gives it from the log, where the agent is gone', async () => {
  agents.rest!.close();
  const other = await mesh.serve();
  const given = async () => skillsOf(await (await clientOf(other.url, 'rest')).getAgentCard()).join() === 'some';
  await until(given, 'the extended card from the log');
});
