/** Makes a cluster and a registry agree with topics/*.yaml and schemas/*.avsc, or says where they do not. */
import type { Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { isShared, meshTopicFiles, topics } from '../../../topics/index.ts';
import { createKafka, type KafkaOptions } from '../kafka/connection.ts';
import { createLanes } from '../lanes.ts';
import type { RegistryOptions } from '../registry.ts';
import {
  type DesiredTopic,
  desiredAcls,
  desiredAgentAcls,
  desiredAgentTopics,
  desiredSubjects,
  desiredTopics,
  type LogAgent,
} from './desired.ts';
import { aclDrift, type Drift, mostPartitions, subjectDrift, topicDrift } from './drift.ts';
import { registryRest } from './registry-rest.ts';

export interface GovernanceOptions {
  kafka: KafkaOptions;
  registry: RegistryOptions;
  topicPrefix: string;
  /** Of each topic that is shared out among instances; default: as many as there are, or else what the files say. */
  partitions?: number | undefined;
  logger: Logger;
}

export type { LogAgent } from './desired.ts';
export type { Drift } from './drift.ts';

const STEPS_AT_ONCE = 8;
const LEADER_WAIT_MS = 30_000;
const LEADER_WAIT_PER_TOPIC_MS = 25;

const TOPICS_AT_ONCE = 100;
const ACLS_AT_ONCE = 500;

const agentDrift = async (
  admin: Admin,
  { topicPrefix }: GovernanceOptions,
  agents: readonly LogAgent[],
  isGoverned: (principal: string, name: string) => boolean,
): Promise<Drift[]> => {
  const drift = await Promise.all([
    topicDrift(admin, desiredAgentTopics(agents, topicPrefix), TOPICS_AT_ONCE),
    aclDrift(admin, desiredAgentAcls(agents, topicPrefix), isGoverned, ACLS_AT_ONCE),
  ]);
  return drift.flat();
};

const desiredOf = async (admin: Admin, { topicPrefix, partitions }: GovernanceOptions): Promise<DesiredTopic[]> => {
  const shared = meshTopicFiles.filter(isShared).map(({ name }) => topicPrefix + name);
  return desiredTopics(meshTopicFiles, topicPrefix, partitions ?? (await mostPartitions(admin, shared)));
};

/** @param one how many topics and ACLs are one difference, and one step where they are made. */
const findDrift = async (
  admin: Admin,
  options: GovernanceOptions,
  agents: readonly LogAgent[] | undefined,
  one: { topics: number; acls: number },
): Promise<Drift[]> => {
  const { registry, topicPrefix } = options;
  const drift = await Promise.all([
    desiredOf(admin, options).then((desired) => topicDrift(admin, desired, one.topics)),
    subjectDrift(registryRest(registry), desiredSubjects(Object.values(topics), topicPrefix)),
    aclDrift(
      admin,
      desiredAcls(meshTopicFiles, topicPrefix),
      (principal, name) => principal.startsWith('User:parley-') && name.startsWith(topicPrefix),
      one.acls,
    ),
    agents &&
      agentDrift(
        admin,
        options,
        agents,
        (principal, name) => principal.startsWith('User:agent-') && name.startsWith(`${topicPrefix}agent`),
      ),
  ]);
  return drift.flatMap((found) => found ?? []);
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

/**
 * How the cluster differs from the files; empty when it does not.
 * @param agents all agents on the log that are registered; undefined: their topics are not looked at.
 */
export const checkTopics = (options: GovernanceOptions, agents?: readonly LogAgent[]): Promise<Drift[]> =>
  withAdmin(options, (admin) => findDrift(admin, options, agents, { topics: 1, acls: 1 }));

/** Told of each step done and of how many there are. */
export type ApplyProgress = (done: number, total: number, what: string) => void;

/** @returns what is left, for a person to decide on. */
const mendAll = async (
  admin: Admin,
  drift: readonly Drift[],
  topicNames: readonly string[],
  progress: ApplyProgress,
): Promise<Drift[]> => {
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
  if (topicNames.length > 0) await leadersElected(admin, topicNames);
  return drift.filter((d) => !d.mend);
};

const namesOf = (desired: readonly DesiredTopic[]) => desired.map((topic) => topic.name);

/**
 * Removes the drift that can be removed.
 * @param agents all agents on the log that are registered; undefined: their topics are left as they are.
 * @returns what is left, for a person to decide on.
 */
export const applyTopics = (
  options: GovernanceOptions,
  progress: ApplyProgress = () => {},
  agents?: readonly LogAgent[],
): Promise<Drift[]> =>
  withAdmin(options, async (admin) => {
    const { topicPrefix } = options;
    const ofAgents = namesOf(desiredAgentTopics(agents ?? [], topicPrefix));
    return mendAll(
      admin,
      await findDrift(admin, options, agents, { topics: TOPICS_AT_ONCE, acls: ACLS_AT_ONCE }),
      [...meshTopicFiles.map(({ name }) => topicPrefix + name), ...ofAgents],
      progress,
    );
  });

/**
 * Makes the topics and the ACLs of these agents, where they are not there yet.
 * @returns what is left, for a person to decide on.
 */
export const applyAgentTopics = (
  options: GovernanceOptions,
  agents: readonly LogAgent[],
  progress: ApplyProgress = () => {},
): Promise<Drift[]> =>
  withAdmin(options, async (admin) => {
    const names = namesOf(desiredAgentTopics(agents, options.topicPrefix));
    return mendAll(admin, await agentDrift(admin, options, agents, () => false), names, progress);
  });

// A topic can be asked about a moment before its leaders are known.
const leadersElected = async (admin: Admin, names: readonly string[]): Promise<void> => {
  const until = Date.now() + LEADER_WAIT_MS + names.length * LEADER_WAIT_PER_TOPIC_MS;
  for (;;) {
    try {
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...names] });
      if (found.every((t) => t.partitions.length > 0 && t.partitions.every((p) => p.leader >= 0))) return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    if (Date.now() > until) throw new Error('Kafka elected no leaders for the topics of the mesh');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
