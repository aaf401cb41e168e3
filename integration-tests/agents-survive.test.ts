/** Tasks outlive the processes of the mesh: of one replica of two, and of all of them. */
import { Role, type StreamResponse, Task } from '@a2a-js/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAgents } from './agents/agent-process.ts';
import { asTask, clientOf, collect, inShort, sending, stateOf, textOf } from './agents/client.ts';
import { type HttpAgent, startHttpAgent } from './agents/http-agent.ts';
import { type AgentMesh, createAgentMesh, type Replica } from './agents/mesh.ts';
import { until } from './mesh.ts';

const EVENTS = 30;
const GAP_MS = 200;
const counted = Array.from({ length: EVENTS }, (_, i) => String(i));

let http: HttpAgent;
let mesh: AgentMesh;
let one: Replica;
let two: Replica;

beforeAll(async () => {
  http = await startHttpAgent('http');
  mesh = await createAgentMesh({ agents: { http: { url: http.url }, log: { log: true, partitions: 2 } } });
  [one, two] = await Promise.all([mesh.serve(), mesh.serve()]);
  await startAgents(mesh, ['log']);
});
afterAll(async () => {
  await mesh?.close();
  await http?.close();
});

const get = async (at: Replica, agent: string, id: string) =>
  Task.toJSON(await (await clientOf(at.url, agent)).getTask({ tenant: '', id, historyLength: undefined }));

/** Takes in a stream. `broken` resolves once it has ended otherwise than it should. */
const follow = (stream: AsyncIterable<StreamResponse>) => {
  const seen: StreamResponse[] = [];
  const take = async () => {
    for await (const update of stream) seen.push(update);
  };
  const broken = take().then(
    () => Promise.reject(new Error('it was streamed to its end')),
    () => {},
  );
  return { seen, broken };
};

/** What a client knows of the numbers that the agent says: as states' messages, or as parts of an artifact. */
const numbers = (updates: readonly StreamResponse[]): string[] =>
  updates.flatMap(({ payload }) => {
    if (payload?.$case === 'statusUpdate') return textOf(payload.value.status?.message?.parts);
    if (payload?.$case === 'artifactUpdate') return textOf(payload.value.artifact?.parts).map((text) => text.trim());
    return [];
  });

/** The same of a task as a whole: a status's message is in its history. */
const numbersIn = ({ history, artifacts }: Task): string[] => [
  ...history.filter(({ role }) => role === Role.ROLE_AGENT).flatMap(({ parts }) => textOf(parts)),
  ...artifacts.flatMap(({ parts }) => textOf(parts).map((text) => text.trim())),
];

test.each([
  ['http', `WORKING count:${EVENTS}:${GAP_MS} COMPLETED`],
  ['log', `count ${EVENTS} ${GAP_MS}`],
])('a stream of the %s agent goes on at the other replica when its own is killed', async (agent, text) => {
  const at = await clientOf(one.url, agent);
  const first = follow(at.sendMessageStream(sending(text)));
  await until(() => numbers(first.seen).length >= 5, 'events');
  const { id } = first.seen[0]!.payload!.value as Task;
  const beside = collect((await clientOf(two.url, agent)).resubscribeTask({ tenant: '', id }));
  await Promise.all([one.kill('SIGKILL'), first.broken]);
  const seen = numbers(first.seen);
  expect(seen).toEqual(counted.slice(0, seen.length));

  const [begin, ...rest] = await collect((await clientOf(two.url, agent)).resubscribeTask({ tenant: '', id }));
  // It begins with the task as it is by then, and what follows is what comes after that.
  const known = numbersIn(begin!.payload!.value as Task);
  expect(known).toEqual(counted.slice(0, known.length));
  expect([...known, ...numbers(rest)]).toEqual(counted);
  const [task0, ...throughout] = await beside;
  expect([...numbersIn(task0!.payload!.value as Task), ...numbers(throughout)]).toEqual(counted);
  expect(rest.map(inShort).at(-1)).toBe('COMPLETED');

  one = await mesh.serve();
  const task = await get(two, agent, id);
  expect(numbersIn(Task.fromJSON(task))).toEqual(counted);
  expect(await get(one, agent, id)).toEqual(task);
  if (agent === 'http') expect(http.heard.filter((heard) => heard === text)).toHaveLength(1);
});

test('with all services stopped tasks wait, agents work on, and all of it goes on afterwards', async () => {
  const asking = {
    http: asTask(await (await clientOf(one.url, 'http')).sendMessage(sending('INPUT_REQUIRED'))),
    log: asTask(await (await clientOf(one.url, 'log')).sendMessage(sending('ask Which?'))),
  };
  expect(Object.values(asking).map(stateOf)).toEqual(['INPUT_REQUIRED', 'INPUT_REQUIRED']);
  const working = {
    http: follow((await clientOf(one.url, 'http')).sendMessageStream(sending('WORKING hold count:10:1 COMPLETED'))),
    log: follow((await clientOf(two.url, 'log')).sendMessageStream(sending(`count 20 ${GAP_MS}`))),
  };
  const both = () => Object.values(working);
  await until(() => both().every(({ seen }) => seen.length >= 2), 'both to be at work');
  const ids = both().map(({ seen }) => (seen[0]!.payload!.value as Task).id);
  await Promise.all([one.kill('SIGTERM'), two.kill('SIGKILL'), ...both().map(({ broken }) => broken)]);
  http.release();

  [one, two] = await Promise.all([mesh.serve(), mesh.serve()]);
  for (const [agent, { id, contextId }] of Object.entries(asking)) {
    const client = await clientOf(two.url, agent);
    const word = agent === 'http' ? 'second COMPLETED' : 'this';
    const done = asTask(await client.sendMessage(sending(word, { taskId: id, contextId })));
    expect([done.id, done.contextId, stateOf(done)]).toEqual([id, contextId, 'COMPLETED']);
    expect(done.artifacts.flatMap(({ parts }) => textOf(parts)).join('') + textOf(done.status?.message?.parts)).toBe(
      agent === 'http' ? 'second' : 'Which?: this',
    );
  }
  const ended = async (agent: string, id: string) => {
    const client = await clientOf(one.url, agent);
    let task: Task | undefined;
    const over = async () => {
      task = await client.getTask({ tenant: '', id, historyLength: undefined });
      return stateOf(task) === 'COMPLETED';
    };
    await until(over, `the end of the task of ${agent}`, 60_000);
    return numbersIn(task!);
  };
  expect(await ended('http', ids[0]!)).toEqual(counted.slice(0, 10));
  expect(await ended('log', ids[1]!)).toEqual(counted.slice(0, 20));
});
