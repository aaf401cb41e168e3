import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import kafkajs, { type Admin } from 'kafkajs';
import { aclKey, type DesiredAcl, type DesiredSubject, type DesiredTopic } from './desired.ts';
import type { RegistryRest } from './registry-rest.ts';

// Node finds no named exports for these in kafkajs's CommonJS.
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ConfigResourceTypes, ResourcePatternTypes } = kafkajs;

/** One way in which a cluster is not as the files say. `mend` is what `topics apply` does; without it, a person must. */
export interface Drift {
  what: string;
  mend?: () => Promise<void>;
}

const MAX_REPLICAS = 3;
const KNOWN_MS = 10_000;
const LEADERLESS_MS = 30_000;
const LOOK_MS = 50;
const CREATE_MS = 30_000;

/** kafkajs asks about all topics of a cluster, and any of them may be without a leader just now. */
const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
  for (const until = performance.now() + LEADERLESS_MS; ; await sleep(LOOK_MS))
    try {
      return await ask();
    } catch (error) {
      // It says so through its retries.
      const { type, cause } = error as { type?: string; cause?: { type?: string } };
      const isLeaderless = [type, cause?.type].includes('LEADER_NOT_AVAILABLE');
      if (!isLeaderless || performance.now() > until) throw error;
    }
};

/** In groups of `size`. */
const grouped = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

const summary = (names: readonly string[]) =>
  names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`;

/** The most partitions that one of these topics has; undefined where none of them exists. */
export const mostPartitions = async (admin: Admin, names: readonly string[]): Promise<number | undefined> => {
  const existing = new Set(await patiently(() => admin.listTopics()));
  const present = names.filter((name) => existing.has(name));
  if (present.length === 0) return undefined;
  const { topics } = await patiently(() => admin.fetchTopicMetadata({ topics: present }));
  return Math.max(...topics.map((topic) => topic.partitions.length));
};

/** Topics that are missing, too narrow, or set otherwise. @param atOnce how many are made by one step. */
export const topicDrift = async (admin: Admin, desired: readonly DesiredTopic[], atOnce = 1): Promise<Drift[]> => {
  if (desired.length === 0) return [];
  const existing = new Set(await patiently(() => admin.listTopics()));
  const { brokers } = await patiently(() => admin.describeCluster());
  const missing = desired.filter((t) => !existing.has(t.name));
  const present = desired.filter((t) => existing.has(t.name));
  const replicationFactor = Math.min(MAX_REPLICAS, brokers.length);
  const drift: Drift[] = grouped(missing, atOnce).map((group) => ({
    what: `topic ${summary(group.map((t) => t.name))} is missing (${group[0]?.partitions} partitions)`,
    mend: async () => {
      const wanted = group.map(({ name: topic, partitions: numPartitions, settings }) => {
        const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
        return { topic, numPartitions, replicationFactor, configEntries };
      });
      await admin.createTopics({ topics: wanted, waitForLeaders: false, timeout: CREATE_MS });
    },
  }));
  if (present.length === 0) return drift;

  const { topics } = await admin.fetchTopicMetadata({ topics: present.map((t) => t.name) });
  const found = new Map(topics.map((t) => [t.name, t]));
  for (const topic of present) {
    const count = found.get(topic.name)?.partitions.length ?? 0;
    if (count !== topic.partitions)
      drift.push({
        what: `topic ${topic.name} has ${count} partitions, not ${topic.partitions}: a conversation's partition follows from their number, so it can only be changed by moving to a new topic prefix`,
      });
  }
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: present.map((t) => ({
      type: ConfigResourceTypes.TOPIC,
      name: t.name,
      configNames: Object.keys(t.settings),
    })),
  });
  const entriesOf = new Map(described.resources.map((r) => [r.resourceName, r.configEntries]));
  for (const topic of present) {
    const entries = entriesOf.get(topic.name) ?? [];
    const wrong = Object.entries(topic.settings).filter(
      ([name, value]) => entries.find((e) => e.configName === name)?.configValue !== value,
    );
    for (const [name, value] of wrong)
      drift.push({
        what: `topic ${topic.name} has ${name}=${entries.find((e) => e.configName === name)?.configValue}, not ${value}`,
        mend: async () => {
          const configEntries = Object.entries(topic.settings).map(([n, v]) => ({ name: n, value: v }));
          const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic.name, configEntries }];
          await admin.alterConfigs({ validateOnly: false, resources });
        },
      });
  }
  return drift;
};

/** Subjects that are missing, hold another schema, or allow incompatible ones. */
export const subjectDrift = async (rest: RegistryRest, desired: readonly DesiredSubject[]): Promise<Drift[]> => {
  const each = desired.map(async ({ subject, schema, compatibility }): Promise<Drift[]> => {
    const [latest, level] = await Promise.all([rest.latest(subject), rest.compatibility(subject)]);
    const drift: Drift[] = [];
    if (!latest) drift.push({ what: `subject ${subject} is missing`, mend: () => rest.register(subject, schema) });
    else if (!isDeepStrictEqual(latest, schema))
      drift.push({ what: `subject ${subject} holds another schema`, mend: () => rest.register(subject, schema) });
    if (level !== compatibility)
      drift.push({
        what: `subject ${subject} has compatibility ${level ?? 'unset'}, not ${compatibility}`,
        mend: () => rest.setCompatibility(subject, compatibility),
      });
    return drift;
  });
  return (await Promise.all(each)).flat();
};

/** The name of a value of one of kafkajs's enums, which map one way only. */
const nameOf = (names: object, value: number): string =>
  Object.entries(names).find(([, one]) => one === value)?.[0] ?? String(value);

const isWithoutAuthorizer = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && error.type === 'SECURITY_DISABLED';

/** Every permission of the cluster, by `aclKey`; undefined where there is no authorizer. */
const actualAcls = async (admin: Admin): Promise<Set<string> | undefined> => {
  const found = await admin
    .describeAcls({
      resourceType: AclResourceTypes.ANY,
      resourcePatternType: ResourcePatternTypes.ANY,
      operation: AclOperationTypes.ANY,
      permissionType: AclPermissionTypes.ALLOW,
    })
    .catch((error: unknown) => {
      if (isWithoutAuthorizer(error)) return undefined;
      throw error;
    });
  const keys = found?.resources.flatMap((r) =>
    r.acls.map(
      (a) =>
        `${a.principal} ${nameOf(AclOperationTypes, a.operation)} ${nameOf(AclResourceTypes, r.resourceType)} ${nameOf(ResourcePatternTypes, r.resourcePatternType)} ${r.resourceName}`,
    ),
  );
  return keys && new Set(keys);
};

// The controller takes them, and the brokers hear of it a moment later.
const untilKnown = async (admin: Admin, keys: readonly string[]): Promise<void> => {
  for (const until = performance.now() + KNOWN_MS; performance.now() < until; await sleep(LOOK_MS)) {
    const actual = await actualAcls(admin);
    if (keys.every((key) => actual?.has(key))) return;
  }
};

/**
 * ACLs that are missing, and ones that nothing asks for. None where there is no authorizer.
 * @param isGoverned whether all ACLs of a principal on what is named so are to be among the desired ones.
 * @param atOnce how many are made by one step.
 */
export const aclDrift = async (
  admin: Admin,
  desired: readonly DesiredAcl[],
  isGoverned: (principal: string, name: string) => boolean,
  atOnce = 1,
): Promise<Drift[]> => {
  const actual = await actualAcls(admin);
  if (!actual) return [];
  const entryOf = (acl: DesiredAcl) => ({
    resourceType: AclResourceTypes[acl.resourceType],
    resourceName: acl.resourceName,
    resourcePatternType: ResourcePatternTypes[acl.pattern],
    principal: acl.principal,
    host: '*',
    operation: AclOperationTypes[acl.operation],
    permissionType: AclPermissionTypes.ALLOW,
  });
  const missing = desired.filter((acl) => !actual.has(aclKey(acl)));
  const wanted = new Set(desired.map(aclKey));
  const surplus = [...actual].filter((key) => {
    const [principal = '', , , , name = ''] = key.split(' ');
    return isGoverned(principal, name) && !wanted.has(key);
  });
  return [
    ...grouped(missing, atOnce).map((group) => ({
      what: `ACL missing: ${summary(group.map(aclKey))}`,
      mend: async () => {
        await admin.createAcls({ acl: group.map(entryOf) });
        await untilKnown(admin, group.map(aclKey));
      },
    })),
    ...surplus.map((key) => ({ what: `ACL not asked for: ${key}` })),
  ];
};
