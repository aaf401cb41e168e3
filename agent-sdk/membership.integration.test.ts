/** The agent's membership of its group, on a broker that refuses it for a while. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import pino from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { installJars } from '../embedded/install.ts';
import { type Kafka, startKafka } from '../embedded/kafka.ts';
import { choosePorts } from '../embedded/ports.ts';
import { joinInbox } from './kafka/membership.ts';
import { until } from './kafka/mesh-for-tests.ts';
import type { Partition } from './kafka/partition.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const username = 'agent-a';
const password = randomBytes(8).toString('hex');
let dir: string;
let broker: Kafka;
let authenticated: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'parley-membership-'));
  const wanted = { port: undefined, controllerPort: undefined, sasl: undefined };
  const { port, controllerPort, sasl } = await choosePorts(join(dir, 'chosen.json'), wanted);
  authenticated = `127.0.0.1:${sasl}`;
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`;
  broker = await startKafka({
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
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': login,
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const acl = (resource: 'TOPIC' | 'GROUP', permission: 'ALLOW' | 'DENY') => ({
  resourceType: AclResourceTypes[resource],
  resourceName: 'inbox',
  resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: `User:${username}`,
  host: '*',
  operation: AclOperationTypes.READ,
  permissionType: AclPermissionTypes[permission],
});

test('a member that the broker refused is one again when the broker takes it', async () => {
  const root = new kafkajs.Kafka({ brokers: broker.brokers, logLevel: kafkajs.logLevel.NOTHING });
  const admin = root.admin();
  const producer = root.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])));
  await admin.createTopics({ topics: [{ topic: 'inbox', numPartitions: 1 }] });
  await admin.createAcls({ acl: [acl('TOPIC', 'ALLOW'), acl('GROUP', 'ALLOW')] });

  const kafka = new kafkajs.Kafka({
    brokers: [authenticated],
    logLevel: kafkajs.logLevel.NOTHING,
    sasl: { mechanism: 'plain', username, password },
  });
  const retry = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 };
  const consumer = kafka.consumer({ groupId: 'inbox', heartbeatInterval: 200, maxWaitTimeInMs: 200, retry });
  const taken: string[] = [];
  const partition = {
    take: async ({ value }: { value: Buffer }) => void taken.push(value.toString()),
    misses: () => false,
    busy: 0,
    committable: undefined,
    sweep: () => {},
    release: () => {},
  };
  const ended = new Promise<void>((resolve) =>
    consumer.on(consumer.events.CRASH, ({ payload }) => void (payload.restart || resolve())),
  );
  const create = () => partition as unknown as Partition;
  const leave = await joinInbox({
    consumer,
    topic: 'inbox',
    concurrency: 1,
    logger: pino({ level: 'silent' }),
    create,
  });
  onTestFinished(leave);
  await admin.createAcls({ acl: [acl('GROUP', 'DENY')] });
  await ended;
  const { resourcePatternType, permissionType, ...denied } = acl('GROUP', 'DENY');
  await admin.deleteAcls({ filters: [{ ...denied, resourcePatternType, permissionType }] });
  await producer.send({ topic: 'inbox', messages: [{ value: 'still there' }] });
  await until('the record being taken', () => taken.includes('still there') || undefined, 30_000);
  expect(new Set(taken)).toEqual(new Set(['still there']));
});
