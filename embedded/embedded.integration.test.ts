import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { inspectProcess, isAlive } from './processes.ts';
import { type Embedded, startEmbedded } from './start.ts';

// The tests go on from each other: one directory, several lives.

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Said',
  namespace: 'test',
  fields: [{ name: 'text', type: 'string' }],
});

let dir: string;
let embedded: Embedded | undefined;
let owner: ChildProcess | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'parley-embedded-'));
});
afterEach(async () => {
  owner?.kill('SIGKILL');
  await embedded?.stop();
  embedded = undefined;
});
afterAll(() => rmSync(dir, { recursive: true }));

const start = async () => {
  embedded = await startEmbedded({ dir, dieWithParent: true });
  return embedded;
};

const client = ({ brokers }: Embedded, retries?: number) =>
  new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, retry: { retries } });

async function createTopic(at: Embedded, topic: string, configEntries: { name: string; value: string }[] = []) {
  const admin = client(at).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }] });
  await admin.disconnect();
}

async function produce(at: Embedded, topic: string, value: Buffer | string, retries?: number) {
  const producer = client(at, retries).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
}

/** The first `count` values of a topic. */
async function consume(at: Embedded, topic: string, count: number): Promise<Buffer[]> {
  const consumer = client(at).consumer({ groupId: `test-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: Buffer[] = [];
  await new Promise<void>((enough, failed) => {
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload) => {
      values.push(message.value as Buffer);
      if (values.length === count) enough();
    };
    consumer.run({ eachMessage }).catch(failed);
  });
  await consumer.disconnect();
  return values;
}

/** Another process that has the directory, until it is killed. */
async function startOwner(options = {}): Promise<{ kafka: number; registry: number }> {
  const script = `
    import { startEmbedded } from ${JSON.stringify(join(import.meta.dirname, 'start.ts'))};
    const { kafka, registry } = await startEmbedded(${JSON.stringify({ dir, ...options })});
    console.log(JSON.stringify({ kafka: kafka.pid, registry: registry.pid }));
    setInterval(() => {}, 1e6);`;
  owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(owner.stdout as NonNullable<typeof owner.stdout>, 'data');
  return JSON.parse(line);
}

async function kill(pid: number) {
  const id = inspectProcess(pid);
  process.kill(pid, 'SIGKILL');
  while (id && isAlive(id)) await sleep(10);
}

test('carries messages and schemas, and has them again after a stop', async () => {
  const first = await start();
  await createTopic(first, 'said');
  const registry = new SchemaRegistry({ host: first.registryUrl });
  const { id } = await registry.register({ type: SchemaType.AVRO, schema: SCHEMA }, { subject: 'test.Said' });
  await produce(first, 'said', await registry.encode(id, { text: 'yesterday' }));
  await first.stop();
  expect([first.kafka, first.registry].some(isAlive)).toBe(false);

  const second = await start();
  expect(second.brokers).toEqual(first.brokers);
  expect(second.registryUrl).toBe(first.registryUrl);
  const [value] = await consume(second, 'said', 1);
  const again = new SchemaRegistry({ host: second.registryUrl });
  expect(await again.decode(value as Buffer)).toEqual({ text: 'yesterday' });
  expect(await again.getRegistryId('test.Said', 1)).toBe(id);
});

test('creates no topic that was not asked for, and takes a message of 15 MiB on a topic made for it', async () => {
  const at = await start();
  await expect(produce(at, 'never-created', 'x', 0)).rejects.toThrow();
  await createTopic(at, 'large', [{ name: 'max.message.bytes', value: String(16 * 1024 * 1024) }]);
  await produce(at, 'large', Buffer.alloc(15 * 1024 * 1024, 'x'));
  expect((await consume(at, 'large', 1))[0]).toHaveLength(15 * 1024 * 1024);
});

test('has one owner at a time; a new one takes over what a killed one leaves', async () => {
  const pids = await startOwner();
  await expect(startEmbedded({ dir })).rejects.toMatchObject({
    code: 'ALREADY_RUNNING',
    message: expect.stringContaining(`already running (pid ${owner?.pid})`),
  });
  await kill(owner?.pid as number);
  const adopted = await start();
  expect({ kafka: adopted.kafka.pid, registry: adopted.registry.pid }).toEqual(pids);
  expect(await consume(adopted, 'said', 1)).toHaveLength(1);
  await adopted.stop();
  expect([adopted.kafka, adopted.registry].some(isAlive)).toBe(false);
});

test('starts again what was killed, and loses nothing that it had acknowledged', async () => {
  const pids = await startOwner();
  await kill(owner?.pid as number);
  await kill(pids.kafka);
  const at = await start();
  expect(at.kafka.pid).not.toBe(pids.kafka);
  expect(at.registry.pid).not.toBe(pids.registry);
  expect(inspectProcess(pids.registry)).toBeUndefined();
  expect(await consume(at, 'said', 1)).toHaveLength(1);
});

test('ends with its owner when asked to', async () => {
  const pids = await startOwner({ dieWithParent: true });
  await kill(owner?.pid as number);
  while (inspectProcess(pids.kafka) || inspectProcess(pids.registry)) await sleep(20);
});

test('says why Kafka does not start', async () => {
  const options = { dir: mkdtempSync(join(dir, 'bad-')), properties: { 'log.cleaner.threads': 'many' } };
  await expect(startEmbedded(options)).rejects.toMatchObject({
    code: 'JVM_DIED',
    message: expect.stringContaining('log.cleaner.threads'),
  });
});

test('gives up when told to, and leaves nothing running', async () => {
  const before = new AbortController();
  const starting = startEmbedded({ dir, signal: before.signal, progress: { update() {}, done: () => before.abort() } });
  await expect(starting).rejects.toThrow('aborted');
  // Free for the next one.
  await start();
});
