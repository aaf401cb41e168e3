/** Makes a cluster and a registry agree with topics/*.yaml and schemas/*.avsc, or says where they do not. */
import type { Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { topics } from '../../../topics/index.ts';
import { createKafka, type KafkaOptions } from '../kafka/connection.ts';
import { createLanes } from '../lanes.ts';
import type { RegistryOptions } from '../registry.ts';
import { desiredAcls, desiredSubjects, desiredTopics } from './desired.ts';
import { aclDrift, type Drift, subjectDrift, topicDrift } from './drift.ts';
import { registryRest } from './registry-rest.ts';

export interface GovernanceOptions {
  kafka: KafkaOptions;
  registry: RegistryOptions;
  topicPrefix: string;
  logger: Logger;
}

export type { Drift } from './drift.ts';

const STEPS_AT_ONCE = 8;
const LEADER_WAIT_MS = 30_000;

const findDrift = async (admin: Admin, { registry, topicPrefix }: GovernanceOptions): Promise<Drift[]> => {
  const files = Object.values(topics);
  const drift = await Promise.all([
    topicDrift(admin, desiredTopics(files, topicPrefix)),
    subjectDrift(registryRest(registry), desiredSubjects(files, topicPrefix)),
    aclDrift(admin, desiredAcls(files, topicPrefix), topicPrefix),
  ]);
  return drift.flat();
};

const withAdmin = async <T>({ kafka, logger }: GovernanceOptions, use: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = createKafka(kafka, logger).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};

/** How the cluster differs from the files; empty when it does not. */
export const checkTopics = (options: GovernanceOptions): Promise<Drift[]> =>
  withAdmin(options, (admin) => findDrift(admin, options));

/**
 * Removes the drift that can be removed.
 * @param progress told of each step done and of how many there are.
 * @returns what is left, for a person to decide on.
 */
export const applyTopics = (
  options: GovernanceOptions,
  progress: (done: number, total: number, what: string) => void = () => {},
): Promise<Drift[]> =>
  withAdmin(options, async (admin) => {
    const drift = await findDrift(admin, options);
    const lanes = createLanes({ concurrency: STEPS_AT_ONCE });
    const steps = drift.filter((d) => d.mend);
    let done = 0;
    await Promise.all(
      steps.map(({ what, mend }, i) =>
        lanes.run(String(i), async () => {
          await mend?.();
          progress(++done, steps.length, what);
        }),
      ),
    );
    await leadersElected(
      admin,
      desiredTopics(Object.values(topics), options.topicPrefix).map((t) => t.name),
    );
    return drift.filter((d) => !d.mend);
  });

// A topic can be asked about a moment before its leaders are known.
const leadersElected = async (admin: Admin, names: string[]): Promise<void> => {
  const until = Date.now() + LEADER_WAIT_MS;
  for (;;) {
    try {
      const { topics: found } = await admin.fetchTopicMetadata({ topics: names });
      if (found.every((t) => t.partitions.length > 0 && t.partitions.every((p) => p.leader >= 0))) return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    if (Date.now() > until) throw new Error('Kafka elected no leaders for the topics of the mesh');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
