/** One capability, more faces: agents on the log call tools of MCP servers, and MCP clients call agents as tools. */
import { join } from 'node:path';
import type { Task } from '@a2a-js/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentProcess, startAgents } from './agents/agent-process.ts';
import { clientOf as a2aClientOf, asTask, sending, stateOf, textOf } from './agents/client.ts';
import { type HttpAgent, startHttpAgent } from './agents/http-agent.ts';
import { type AgentMesh, createAgentMesh, keys, type Replica } from './agents/mesh.ts';
import { clientOf, type Era } from './mcp/client.ts';
import { type McpUpstream, startMcpUpstream } from './mcp/upstream.ts';
import { readLog, until } from './mesh.ts';

const names = ['planner', 'hidden'];
const everything = join(import.meta.dirname, '../node_modules/.bin/mcp-server-everything');

let upstream: McpUpstream;
let helper: HttpAgent;
let mesh: AgentMesh;
let edge: Replica;
let agents: AgentProcess;

const isInForce = async (server: string, name: string) =>
  (await readLog(mesh.log, 0, 'DefinitionReviewed')).some(
    ({ type, data }) =>
      type === 'DefinitionReviewed' && data.server === server && data.name === name && data.verdict === 'APPROVED',
  );

beforeAll(async () => {
  upstream = await startMcpUpstream();
  helper = await startHttpAgent('helper');
  mesh = await createAgentMesh({
    agents: {
      planner: { log: true, tools: ['everything/*', 'own/add', 'own/write_held', 'own/none'] },
      hidden: { log: true },
      helper: { url: helper.url },
    },
    servers: { everything: { command: [everything, 'stdio'] }, own: { url: upstream.url } },
    endpoints: { team: { agents: ['planner', 'hidden', 'helper'] } },
  });
  edge = await mesh.serve();
  agents = await startAgents(mesh, names);
  for (const [server, name] of [
    ['everything', 'echo'],
    ['own', 'add'],
    ['own', 'write'],
    ['own', 'write_held'],
  ] as const)
    await until(() => isInForce(server, name), `${name} of ${server} to be in force`, 60_000);
});
afterAll(async () => {
  await mesh?.close();
  await helper?.close();
  await upstream?.close();
});

const planner = () => a2aClientOf(edge.url, 'planner');
const textIn = ({ status }: Task) => textOf(status?.message?.parts).join('');
const tell = async (text: string) => asTask(await (await planner()).sendMessage(sending(text)));

describe('an agent on the log', () => {
  test('calls tools that it has declared, over stdio and HTTP, and no others', async () => {
    const echoed = await tell('tool everything/echo {"message":"hello"}');
    expect([stateOf(echoed), textIn(echoed)]).toEqual(['COMPLETED', 'Echo: hello']);
    expect(textIn(await tell('tool own/add {"a":1,"b":2}'))).toBe('3');
    expect(textIn(await tell('tool everything/echo {}'))).toMatch(/invalid/i);
    expect(textIn(await tell('tool own/write {"line":"a"}'))).toMatch(/was denied: .*declared/);
    expect(textIn(await tell('tool own/none {}'))).toMatch(/was denied: there is no tool own\/none/);
    expect(upstream.calls.write).toBeUndefined();
    const requests = (await readLog(mesh.log, 0, 'RequestReceived')).flatMap(({ type, data }) =>
      type === 'RequestReceived' && data.request.resource.id === 'everything/echo' ? [data.request] : [],
    );
    expect(requests[0]).toMatchObject({
      action: 'tool.call',
      subject: { agent: 'planner', person: 'owner@example.com', actors: ['desk'] },
      arguments: { message: 'hello' },
      parentTaskId: echoed.id,
    });
  });

  test('is told where a tool may have acted when the mesh was killed, and its call is not made again', async () => {
    const { id } = asTask(
      await (await planner()).sendMessage(sending('tool own/write_held {"line":"a"}', {}, { returnImmediately: true })),
    );
    await until(() => upstream.calls.write_held === 1, 'the tool to be called');
    await edge.kill('SIGKILL');
    edge = await mesh.serve();
    const client = await planner();
    const found = () => client.getTask({ tenant: '', id, historyLength: 0 });
    await until(async () => stateOf(await found()) === 'COMPLETED', 'the task to end', 60_000);
    expect(textIn(await found())).toMatch(/failed: .*not known/);
    expect(upstream.calls.write_held).toBe(1);
  });

  test('that is killed between call and answer has the answer, of the one call', async () => {
    const task = tell('tool own/write_held {"line":"b"}');
    await until(() => upstream.calls.write_held === 2, 'the tool to be called');
    await agents.kill('SIGKILL');
    upstream.release();
    agents = await startAgents(mesh, names);
    expect(textIn(await task)).toBe('wrote b');
    expect(upstream.calls.write_held).toBe(2);
  });
});

describe.each<Era>(['modern', 'legacy'])('a %s MCP client', (era) => {
  const team = (key?: string) => clientOf(`${edge.url}/mcp/team`, { era, ...(key && { key }) });

  test('calls agents on the log and over HTTP as tools', async () => {
    const client = await team();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['helper', 'hidden', 'planner']);
    expect(tools[2]?.description).toContain('Does as it is told, on the log.');
    const told: (string | undefined)[] = [];
    const counted = await client.callTool(
      { name: 'planner', arguments: { message: 'count 3 1' } },
      { onprogress: ({ message }) => void told.push(message) },
    );
    expect(counted.isError).toBeUndefined();
    expect(told.filter((one) => one !== undefined)).toEqual(['0', '1', '2']);
    const { structuredContent } = await client.callTool({ name: 'planner', arguments: { message: 'echo hello' } });
    expect(structuredContent).toMatchObject({ state: 'TASK_STATE_COMPLETED', text: 'hello' });
    const asked = await client.callTool({ name: 'planner', arguments: { message: 'ask Which?' } });
    expect(asked.structuredContent).toMatchObject({ state: 'TASK_STATE_INPUT_REQUIRED', text: 'Which?' });
    const unknown = await client.callTool({ name: 'planner', arguments: { message: 'fly' } });
    expect(unknown).toMatchObject({ isError: true, content: [{ text: 'I do not know "fly".' }] });
    const over = await client.callTool({ name: 'helper', arguments: { message: 'WORKING found COMPLETED' } });
    expect(over.structuredContent).toMatchObject({ state: 'TASK_STATE_COMPLETED' });
    expect(JSON.stringify(over.content)).toContain('found');

    const { continuation } = asked.structuredContent as { continuation: string };
    const done = await client.callTool({ name: 'planner', arguments: { message: 'this one', continuation } });
    expect(done.structuredContent).toMatchObject({ state: 'TASK_STATE_COMPLETED', text: 'Which?: this one' });

    // It is a task like any other: an A2A client of the same caller finds it.
    const { taskId: id } = asked.structuredContent as { taskId: string };
    const found = await (await planner()).getTask({ tenant: '', id, historyLength: 0 });
    expect(textIn(found)).toBe('Which?: this one');
  });

  test('sees and calls only those that policy lets it send to', async () => {
    const shop = await team(keys.shop);
    expect((await shop.listTools()).tools.map(({ name }) => name)).toEqual(['helper', 'planner']);
    await expect(shop.callTool({ name: 'hidden', arguments: { message: 'echo x' } })).rejects.toThrow(
      /Unknown tool: hidden/,
    );
    expect((await (await team(keys.rival)).listTools()).tools).toEqual([]);
  });
});
