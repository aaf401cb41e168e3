/** The cluster and the registry are as topics/ and schemas/ say, and stay so. */
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { wholeSchema } from '../schemas/index.ts';
import { applyTopics, checkTopics } from '../services/runtime/governance/index.ts';
import { registryRest } from '../services/runtime/governance/registry-rest.ts';
import { cancel, freshCluster, openLog } from './cluster.ts';
import { until } from './mesh.ts';

test('after apply there is no drift; a setting changed by hand is found and removed', async () => {
  const cluster = await freshCluster();
  expect(await checkTopics(cluster)).toEqual([]);
  const admin = new kafkajs.Kafka({ brokers: cluster.kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const name = `${cluster.topicPrefix}mesh.usage`;
  const configEntries = [{ name: 'retention.ms', value: '1000' }];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries }],
  });
  await admin.disconnect();
  expect((await checkTopics(cluster)).map((d) => d.what)).toContainEqual(expect.stringContaining('retention.ms=1000'));
  expect(await applyTopics(cluster)).toEqual([]);
  expect(await checkTopics(cluster)).toEqual([]);
});

test('a mesh keeps the number of partitions that its topics were made with, whatever the files say', async () => {
  const made = await freshCluster(2);
  const { partitions: _, ...later } = made;
  expect(await checkTopics(later)).toEqual([]);
  expect((await checkTopics({ ...made, partitions: 4 })).map((d) => d.what)).toContainEqual(
    expect.stringContaining('mesh.requests has 2 partitions, not 4'),
  );
  const log = await openLog(later);
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  const seen = new Map<string, number>();
  const tail = await log.tail(['mesh.cancellations'], ({ key, partition }) => void seen.set(key, partition), {
    from: 'end',
  });
  await log.append(keys.map(cancel));
  await until(() => seen.size === keys.length, 'all of them');
  await tail.close();
  await log.close();
  expect(new Set(seen.values())).toEqual(new Set([0, 1]));
  for (const [key, partition] of seen) expect(log.partitionOf(key)).toBe(partition);
});

test('the registry refuses a schema that would break a reader', async () => {
  const { registry, topicPrefix } = await freshCluster();
  const rest = registryRest(registry);
  const broken = structuredClone(wholeSchema('ResponseChunk'));
  broken.fields.push({ name: 'more', type: 'string', doc: 'without a default' });
  await expect(rest.register(`${topicPrefix}mesh.ResponseChunk`, broken)).rejects.toThrow('409');
  const extended = structuredClone(wholeSchema('ResponseChunk'));
  extended.fields.push({ name: 'more', type: 'string', doc: 'with a default', default: '' });
  await rest.register(`${topicPrefix}mesh.ResponseChunk`, extended);
});
