/** A chat of many turns, each with the whole history, on a real Kafka: whole for the upstream, and once in the log. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { expect, onTestFinished, test } from 'vitest';
import { applyConfiguration } from '../services/configuration/apply.ts';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { freePort, spawnMesh } from './child.ts';
import { freshCluster, openLog } from './cluster.ts';
import { environment, keys, readLog, until, writeMesh } from './mesh.ts';
import { completion, json } from './upstream.ts';

/** A model server that keeps what reached it, byte for byte. */
const startUpstream = async () => {
  const calls: { body: string; key: string }[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    calls.push({ body: Buffer.concat(parts).toString(), key: request.headers.authorization ?? '' });
    json(response, completion('hello'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, calls };
};

/** Says more with every turn, by the real client. */
const chatOf = (conversation: string) => {
  const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'system', content: 'Be terse. '.repeat(40) }];
  const sent: string[] = [];
  const send: typeof fetch = (to, init) => {
    sent.push(String(init?.body));
    return fetch(to, init);
  };
  return {
    /** What reaches the upstream of each turn: another model's name, and not a byte else. */
    sent: () => sent.map((body) => body.replace('"model":"small"', '"model":"served-small"')),
    turn: async (port: number) => {
      const client = new OpenAI({
        apiKey: keys.research,
        baseURL: `http://127.0.0.1:${port}/v1`,
        maxRetries: 0,
        fetch: send,
        defaultHeaders: { 'x-conversation-id': conversation },
      });
      messages.push({
        role: 'user',
        content: `${conversation}, turn ${messages.length}: é🙂\n"${'word '.repeat(60)}"`,
      });
      const { choices } = await client.chat.completions.create({ model: 'small', messages });
      messages.push({ ...choices[0]!.message, content: 'hello '.repeat(40) });
    },
  };
};

const begin = async () => {
  const cluster = await freshCluster();
  const upstream = await startUpstream();
  const log = await openLog(cluster);
  onTestFinished(() => log.close());
  await applyConfiguration({ log, path: writeMesh({ only: upstream.url }), env: environment, now: Date.now });
  return { cluster, log, calls: upstream.calls };
};

const received = async (log: Log) => (await readLog(log, 0, 'RequestReceived')) as AnyRecorded<'RequestReceived'>[];
const refers = ({ data }: AnyRecorded<'RequestReceived'>) => data.request.spans.length > 0;

test('20 turns, with a restart of the mesh after the tenth', async () => {
  const { cluster, log, calls } = await begin();
  const port = await freePort();
  const chat = chatOf('long');
  const first = await spawnMesh(cluster, port);
  for (let i = 0; i < 10; i += 1) await chat.turn(port);
  first.kill('SIGKILL');
  await new Promise((resolve) => first.once('exit', resolve));
  const second = await spawnMesh(cluster, port);
  for (let i = 0; i < 10; i += 1) await chat.turn(port);

  expect(calls.map(({ body }) => body)).toEqual(chat.sent());
  const requests = await received(log);
  // Whole where nothing is known: at first, and after the start. What is known then is known to the end.
  expect(requests.map(refers)).toEqual(Array.from({ length: 20 }, (_, i) => i !== 0 && i !== 10));
  expect(requests.at(-1)!.value.length).toBeLessThan(requests[10]!.value.length / 2);
  expect(requests.at(-1)!.value.length).toBeLessThan(requests[1]!.value.length * 1.5);
  second.kill('SIGTERM');
  await new Promise((resolve) => second.once('exit', resolve));
});

test('a second process performs calls of conversations of which it has seen nothing', async () => {
  const { cluster, log, calls } = await begin();
  const [one, two] = [await freePort(), await freePort()];
  const first = await spawnMesh(cluster, one, { UPSTREAM_KEY: 'sk-first' });
  const chats = Array.from({ length: 12 }, (_, i) => chatOf(`chat-${i}`));
  const turn = () => Promise.all(chats.map((chat) => chat.turn(one)));
  for (let i = 0; i < 3; i += 1) await turn();
  const second = await spawnMesh(cluster, two, { UPSTREAM_KEY: 'sk-second' });
  // Every call comes in by the first process; the second one gets half of the partitions, and has to read what it is to send.
  const bySecond = () => calls.filter(({ key }) => key.includes('sk-second'));
  await until(async () => {
    await turn();
    return bySecond().length > 0;
  }, 'a call by the second process');

  expect(new Set(calls.map(({ body }) => body))).toEqual(new Set(chats.flatMap((chat) => chat.sent())));
  expect((await received(log)).filter((event) => !refers(event))).toHaveLength(chats.length);
  for (const child of [first, second]) child.kill('SIGTERM');
  await Promise.all([first, second].map((child) => new Promise((resolve) => child.once('exit', resolve))));
});
