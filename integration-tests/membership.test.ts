/** Members of a consumer group that kafkajs by itself would lose for good. */
import { createRequire } from 'node:module';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { GovernanceOptions } from '../services/runtime/governance/index.ts';
import { clusterOf } from '../services/runtime/kafka/cluster.ts';
import { createKafka } from '../services/runtime/kafka/connection.ts';
import { cancel, freshCluster, logger, openLog } from './cluster.ts';
import { until } from './mesh.ts';

interface Coordinator {
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
}
interface Groups {
  connect(): Promise<void>;
  findGroupCoordinator(group: { groupId: string }): Promise<Coordinator>;
}
interface ConsumerGroup {
  groupId: string;
  joinAndSync(): Promise<void>;
}
const require = createRequire(import.meta.url);
const { prototype: consumerGroup } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
const { KafkaJSConnectionError } = require('kafkajs/src/errors') as {
  KafkaJSConnectionError: new (e: string) => Error;
};

const group = 'members';
const topic = 'mesh.cancellations';

/** A member of the group in a process of its own, as it were. */
const join = async (cluster: GovernanceOptions) => {
  const log = await openLog(cluster);
  onTestFinished(() => log.close());
  const handled: string[] = [];
  const consuming = await log.consume(group, [topic], {
    types: ['CancelRequested'],
    assigned: async () => {},
    revoked: () => {},
    handle: async ({ key }) => void handled.push(key),
  });
  const owned = () => Array.from({ length: 6 }, (_, partition) => partition).filter((p) => consuming.owns(p));
  return { log, owned, handled };
};

/** The coordinator's side of the group. */
const coordinatorOf = async ({ kafka: options, topicPrefix }: GovernanceOptions) => {
  const kafka = createKafka(options, logger);
  const admin = kafka.admin();
  const groups = clusterOf(kafka) as unknown as Groups & ReturnType<typeof clusterOf>;
  await admin.connect();
  await groups.connect();
  await groups.refreshMetadata();
  onTestFinished(async () => {
    await admin.disconnect();
    await groups.disconnect();
  });
  const groupId = topicPrefix + group;
  const members = async () => (await admin.describeGroups([groupId])).groups[0]!.members;
  /** As it does with members that it has not heard of for the length of their session. */
  const giveUp = async () => {
    const coordinator = await groups.findGroupCoordinator({ groupId });
    for (const { memberId } of await members()) await coordinator.leaveGroup({ groupId, memberId });
  };
  return { members, giveUp };
};

afterEach(() => void vi.restoreAllMocks());

test('a member that was given up joins again, also when the coordinator dies while it does', async () => {
  const cluster = await freshCluster();
  const { log, owned, handled } = await join(cluster);
  const coordinator = await coordinatorOf(cluster);
  await until(() => owned().length === 6, 'all partitions');
  const joinAndSync = consumerGroup.joinAndSync;
  let failed = 0;
  vi.spyOn(consumerGroup, 'joinAndSync').mockImplementation(async function (this: ConsumerGroup) {
    failed += 1;
    if (failed === 1) throw new KafkaJSConnectionError('Connection error: read ECONNRESET');
    return joinAndSync.call(this);
  });
  await coordinator.giveUp();
  await until(() => failed > 0, 'a failure');
  await until(async () => (await coordinator.members()).length === 1, 'a member');
  await log.append([cancel('after')]);
  await until(() => handled.includes('after'), 'the record');
});

test('a member whose clock is set back stays one', async () => {
  const cluster = await freshCluster();
  const first = await join(cluster);
  await until(() => first.owned().length === 6, 'all partitions');
  const now = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => now() - 600_000);
  const second = await join(cluster);
  await until(() => second.owned().length > 0, 'partitions of the second');
  await until(() => first.owned().length === 3 && second.owned().length === 3, 'a half for each');
  expect([...first.owned(), ...second.owned()].sort((a, b) => a - b)).toEqual(Array.from({ length: 6 }, (_, p) => p));
});
