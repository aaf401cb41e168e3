/** Agents that live on the log, as processes that are killed, and the tasks of theirs that nobody loses. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Task } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgents } from './agents/agent-process.ts';
import { asTask, clientOf, inShort, sending, stateOf, textOf } from './agents/client.ts';
import { type HttpAgent, startHttpAgent } from './agents/http-agent.ts';
import { type AgentMesh, createAgentMesh, keys, type MeshOptions, type Replica } from './agents/mesh.ts';
import { parley } from './agents/parley.ts';
import { readLog, until } from './mesh.ts';
import { completion, json, startUpstream, type Upstream } from './upstream.ts';

const names = ['planner', 'worker', 'echo-a', 'echo-b'];

let models: Upstream;
let helper: HttpAgent;
let mesh: AgentMesh;
let edge: Replica;
let agents: AgentProcess;
let options: MeshOptions;
let effects: string;
let client: (agent: string) => Promise<Client>;

/** What is asked of the model server, as often as it is. */
const prompts = () => models.calls.map(({ body }) => (body.messages as { content: string }[])[0]!.content);

beforeAll(async () => {
  effects = mkdtempSync(join(tmpdir(), 'parley-effects-'));
  models = await startUpstream();
  helper = await startHttpAgent('helper');
  const onLog = Object.fromEntries(names.map((name) => [name, { log: true, partitions: 2 } as const]));
  options = { models: models.url, agents: { helper: { url: helper.url }, ...onLog } };
  mesh = await createAgentMesh(options);
  edge = await mesh.serve();
  client = (agent) => clientOf(edge.url, agent);
});
afterAll(async () => {
  await mesh?.close();
  await helper?.close();
  await models?.close();
  rmSync(effects, { recursive: true, force: true });
});

const start = async (stand = '') => {
  agents = await startAgents(mesh, names, { EFFECTS: effects, STAND: stand });
};
const stands = () => agents.signs.filter(({ sign }) => sign === 'stands').map(({ of }) => of);
const textIn = ({ status }: Task) => textOf(status?.message?.parts).join('');

test('killed at each of its ten operations, and while it waits, an agent ends the same, and each call is made once', async () => {
  const held = Promise.withResolvers<void>();
  models.answer = async ({ body }, response) => {
    const [message] = body.messages as { content: string }[];
    if (message!.content === 'in-model first') await held.promise;
    json(response, completion(`said of ${message!.content}`));
  };
  await start('0');
  const planner = await client('planner');
  const standing = Array.from({ length: 9 }, (_, i) => `after-${i + 1}`);
  const waiting = ['in-model', 'in-agent', 'in-question', 'undisturbed'];
  const answer = Promise.withResolvers<void>();
  const one = async (name: string) => {
    const after = /^after-(\d+)$/.exec(name)?.[1] ?? '';
    const asked = asTask(await planner.sendMessage(sending(`ten ${name} ${after}`)));
    expect([stateOf(asked), textIn(asked)]).toEqual(['INPUT_REQUIRED', 'Shall I?']);
    if (name === 'in-question') await answer.promise;
    const { id: taskId, contextId } = asked;
    return asTask(await planner.sendMessage(sending(`yes, ${name}`, { taskId, contextId })));
  };
  const tasks = [...standing, ...waiting].map(one);
  const ends = Promise.all(tasks);
  await until(() => stands().length === standing.length, 'nine tasks to stand still', 60_000);
  await until(() => prompts().includes('in-model first'), 'the call of a model');
  await until(() => helper.heard.includes('hold found COMPLETED'), 'the call of an agent');
  await agents.kill('SIGKILL');

  // Each goes on by one operation, and the process is killed again; the last of them ends.
  await start('1');
  await until(() => stands().length === standing.length, 'nine tasks to stand still again', 60_000);
  await agents.kill('SIGKILL');
  held.resolve();
  helper.release();
  answer.resolve();
  await start();

  for (const [i, task] of (await ends).entries()) {
    const name = [...standing, ...waiting][i]!;
    const found = name === 'in-agent' ? 'found' : `found for ${name}`;
    const learned = [null, `said of ${name} first`, null, found, `yes, ${name}`, null, null, `said of ${name} second`];
    expect([name, stateOf(task), textIn(task)]).toEqual([name, 'COMPLETED', JSON.stringify([...learned, null, null])]);
    expect(task.artifacts.map(({ parts }) => textOf(parts))).toEqual([['all of them']]);
    expect(prompts().filter((prompt) => prompt.startsWith(`${name} `))).toEqual([`${name} first`, `${name} second`]);
    const heard = name === 'in-agent' ? 'hold found COMPLETED' : `say found for ${name}`;
    expect(helper.heard.filter((text) => text === heard)).toHaveLength(1);
    expect(readFileSync(join(effects, name), 'utf8')).toBe('one\nseven\nten\n');
  }
  const done = new Set((await ends).map(({ id }) => id));
  const terminal = (await readLog(mesh.log, 0, 'TaskUpdated')).flatMap((event) =>
    event.type === 'TaskUpdated' && event.data.state === 'TASK_STATE_COMPLETED' ? [event.data.taskId] : [],
  );
  expect(terminal.filter((id) => done.has(id)).sort()).toEqual([...done].sort());
  const outcomes = await readLog(
    mesh.log,
    0,
    'ResponseCompleted',
    'ResponseFailed',
    'RequestDenied',
    'RequestUnroutable',
  );
  expect(outcomes.filter(({ type }) => type !== 'ResponseCompleted')).toEqual([]);
  const ids = outcomes.map(({ correlationId }) => correlationId);
  expect(ids).toHaveLength(new Set(ids).size);
}, 150_000);

test('the CLI tells of it: replay, tasks, agents', async () => {
  const planner = await client('planner');
  const task = asTask(await planner.sendMessage(sending('parallel echo-a echo-b')));
  const { contextId } = task;
  const other = asTask(await planner.sendMessage(sending('call helper WORKING found COMPLETED', { contextId })));
  const open = asTask(await planner.sendMessage(sending('ask Which?')));
  const [tree, listed, shown, history, waiting, registered] = await Promise.all([
    parley(mesh.env, 'replay', contextId),
    parley(mesh.env, 'tasks', 'list', '--conversation', contextId, '--json'),
    parley(mesh.env, 'tasks', 'show', task.id),
    parley(mesh.env, 'tasks', 'history', task.id, '--json'),
    parley(mesh.env, 'tasks', 'list', '--open', '--agent', 'planner'),
    parley(mesh.env, 'agents', 'list'),
  ]);
  const heads = [...tree.matchAll(/^( *#\d+) +\S+ +agent\.send (\S+), asked by (.*) for/gm)];
  expect(heads.map(([, ...head]) => head)).toEqual([
    ['#1', 'planner', 'desk'],
    ['  #2', 'echo-a', 'desk → planner'],
    ['  #3', 'echo-b', 'desk → planner'],
    ['#4', 'planner', 'desk'],
    ['  #5', 'helper', 'desk → planner'],
  ]);
  const rows = listed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ agent }) => agent).sort()).toEqual(['echo-a', 'echo-b', 'helper', 'planner', 'planner']);
  const parents = Object.fromEntries(rows.map(({ agent, parentTaskId }) => [agent, parentTaskId]));
  expect(parents).toEqual({ planner: '', 'echo-a': task.id, 'echo-b': task.id, helper: other.id });
  expect(shown).toMatch(/of planner: completed[\s\S]*desk/);
  const last = JSON.parse(history.trim().split('\n').at(-1)!);
  expect(last.statusUpdate.status.state).toBe('TASK_STATE_COMPLETED');
  expect(registered).toMatch(/planner +example\/research +owner@example\.com +on the log +unsigned +obey/);
  expect(registered).toMatch(/helper +example\/research +owner@example\.com +A2A server +unsigned +obey/);
  expect(waiting).toContain(open.id);
  await parley(mesh.env, 'tasks', 'cancel', open.id, '--person', 'owner@example.com');
  const found = () => planner.getTask({ tenant: '', id: open.id, historyLength: 0 });
  await until(async () => stateOf(await found()) === 'CANCELED', 'the task to be cancelled');
});

test('a thousand tasks at once', async () => {
  const worker = await client('worker');
  const texts = Array.from({ length: 1_000 }, (_, i) => `task ${i}`);
  const ends: string[] = [];
  const next = texts.entries();
  const lane = async () => {
    for (const [i, text] of next) ends[i] = textIn(asTask(await worker.sendMessage(sending(`echo ${text}`))));
  };
  await Promise.all(Array.from({ length: 200 }, lane));
  expect(ends).toEqual(texts);
});

test('a thousand events reach a slow subscriber in order', async () => {
  const worker = await client('worker');
  const seen: string[] = [];
  for await (const update of worker.sendMessageStream(sending('flood 1000'))) {
    seen.push(inShort(update));
    await wait(1);
    // The task ends long before its reader comes to it.
    if (seen.length === 100) await wait(1_000);
  }
  const numbers = Array.from({ length: 1_000 }, (_, i) => `WORKING ${i}`);
  expect(seen[0]).toMatch(/^task /);
  expect(seen.slice(1)).toEqual([...numbers, 'COMPLETED']);
});

test('agents work side by side for another one', async () => {
  const others = ['echo-a', 'echo-b', 'worker', 'echo-a', 'echo-b'];
  const task = asTask(await (await client('planner')).sendMessage(sending(`parallel ${others.join(' ')}`)));
  expect(textIn(task)).toBe(others.map((name, i) => `${name} ${i}`).join('\n'));
});

test('agents that ask one another in a circle are refused, and told the path', async () => {
  const task = asTask(await (await client('echo-a')).sendMessage(sending('call echo-b call echo-a echo never')));
  expect(stateOf(task)).toBe('COMPLETED');
  expect(textIn(task)).toContain('agents ask one another in a circle: desk → echo-a → echo-b → echo-a');
});

test('cancelling a task cancels what was begun for it, at agents on the log and over HTTP', async () => {
  const planner = await client('planner');
  for (const [other, text] of [
    ['worker', 'wait child'],
    ['helper', 'WORKING wait'],
  ] as const) {
    const cancelled = helper.cancelled.length;
    const parent = asTask(await planner.sendMessage(sending(`call ${other} ${text}`, {}, { returnImmediately: true })));
    const rows = async () => {
      const log = await readLog(mesh.log, 0, 'TaskUpdated');
      return log.flatMap(({ type, data }) => (type === 'TaskUpdated' && data.parentTaskId === parent.id ? [data] : []));
    };
    await until(async () => (await rows()).some(({ state }) => state === 'TASK_STATE_WORKING'), 'the child to work');
    const ended = await planner.cancelTask({ tenant: '', id: parent.id, metadata: undefined });
    expect(stateOf(ended)).toBe('CANCELED');
    await until(async () => (await rows()).at(-1)?.state === 'TASK_STATE_CANCELED', 'the child to be cancelled');
    if (other === 'helper') await until(() => helper.cancelled.length === cancelled + 1, 'the agent to be told');
    else await until(() => agents.signs.some(({ sign, of }) => sign === 'aborted' && of === 'child'), 'the signal');
  }
});

test('a deadline ends a task whose agent is gone', async () => {
  const worker = await client('worker');
  await agents.kill('SIGKILL');
  await mesh.apply({ ...options, a2a: { deadline: '2s' }, agents: { ...options.agents, newcomer: { log: true } } });
  const isInForce = async () => {
    const known = await fetch(`${edge.url}/a2a`, { headers: { authorization: `Bearer ${keys.desk}` } });
    return (await known.text()).includes('newcomer');
  };
  await until(isInForce, 'the deadline to be in force');
  const task = asTask(await worker.sendMessage(sending('echo never')));
  expect([stateOf(task), textIn(task)]).toEqual(['FAILED', 'The deadline passed.']);
});
