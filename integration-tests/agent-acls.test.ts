/** What Kafka lets an agent do, on a broker that knows who speaks. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installJars } from '../embedded/install.ts';
import { type Kafka, startKafka } from '../embedded/kafka.ts';
import { choosePorts } from '../embedded/ports.ts';
import { applyAgentTopics } from '../services/runtime/governance/index.ts';
import { agentTopics } from '../topics/index.ts';
import { logger } from './cluster.ts';

const secrets = { 'agent-a': randomBytes(8).toString('hex'), 'agent-b': randomBytes(8).toString('hex') };
let dir: string;
let kafka: Kafka;
let authenticated: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'parley-acls-'));
  const wanted = { port: undefined, controllerPort: undefined, sasl: undefined };
  const { port, controllerPort, sasl } = await choosePorts(join(dir, 'chosen.json'), wanted);
  authenticated = `127.0.0.1:${sasl}`;
  const users = Object.entries(secrets).map(([user, secret]) => `user_${user}="${secret}"`);
  kafka = await startKafka({
    dataDir: join(dir, 'kafka'),
    jars: await installJars(),
    port,
    controllerPort,
    authorizer: true,
    dieWithParent: true,
    properties: {
      listeners: `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://${authenticated},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://${authenticated}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`,
    },
  });
});
afterAll(async () => {
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const as = (username: keyof typeof secrets) =>
  new kafkajs.Kafka({
    brokers: [authenticated],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
    sasl: { mechanism: 'plain', username, password: secrets[username] },
  });

const write = async (username: keyof typeof secrets, topic: string) => {
  const producer = as(username).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await producer.send({ topic, messages: [{ key: 'k', value: username }] }).finally(() => producer.disconnect());
};

const firstOf = async (username: keyof typeof secrets, groupId: string, topic: string): Promise<string> => {
  const consumer = as(username).consumer({ groupId });
  await consumer.connect();
  const first = new Promise<string>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
    consumer
      .subscribe({ topics: [topic], fromBeginning: true })
      .then(() => consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) }))
      .catch(reject);
  });
  return first.finally(() => consumer.disconnect());
};

test('an agent writes to its own outbox and reads its own inbox, and can neither for another', async () => {
  const topicPrefix = 'p.';
  const options = {
    kafka: { brokers: kafka.brokers, clientId: 'parley-test' },
    registry: { url: 'http://127.0.0.1:9', prefix: topicPrefix },
    topicPrefix,
    logger,
  };
  const agents = [
    { name: 'a', partitions: 1 },
    { name: 'b', partitions: 2 },
  ];
  expect(await applyAgentTopics(options, agents)).toEqual([]);
  // A broker hears of ACLs a moment after its controller.
  const again = async () => {
    const steps: string[] = [];
    await applyAgentTopics(options, agents, (_, __, what) => steps.push(what));
    return steps;
  };
  await expect.poll(again, { timeout: 30_000 }).toEqual([]);

  const [a, b] = [agentTopics('a'), agentTopics('b')];
  const denied = expect.objectContaining({ message: expect.stringMatching(/not authorized/i) });
  await write('agent-a', `p.${a.outbox}`);
  await write('agent-b', `p.${b.outbox}`);
  await expect(write('agent-a', `p.${b.outbox}`)).rejects.toEqual(denied);
  await expect(write('agent-a', `p.${a.inbox}`)).rejects.toEqual(denied);
  expect(await firstOf('agent-a', 'p.agent.a.main', `p.${a.outbox}`)).toBe('agent-a');
  await expect(firstOf('agent-a', 'p.agent.a.main', `p.${b.outbox}`)).rejects.toEqual(denied);
  // kafkajs does not say why.
  await expect(firstOf('agent-a', 'p.agent.b.main', `p.${a.outbox}`)).rejects.toThrow('group coordinator');
});
