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

/** Topics that are missing, too narrow, or set otherwise. */
export const topicDrift = async (admin: Admin, desired: readonly DesiredTopic[]): Promise<Drift[]> => {
  const existing = new Set(await admin.listTopics());
  const { brokers } = await admin.describeCluster();
  const missing = desired.filter((t) => !existing.has(t.name));
  const present = desired.filter((t) => existing.has(t.name));
  const drift: Drift[] = missing.map((topic) => ({
    what: `topic ${topic.name} is missing (${topic.partitions} partitions)`,
    mend: async () => {
      const replicationFactor = Math.min(MAX_REPLICAS, brokers.length);
      const configEntries = Object.entries(topic.settings).map(([name, value]) => ({ name, value }));
      const wanted = { topic: topic.name, numPartitions: topic.partitions, replicationFactor, configEntries };
      await admin.createTopics({ topics: [wanted], waitForLeaders: false });
    },
  }));
  if (present.length === 0) return drift;

  const { topics } = await admin.fetchTopicMetadata({ topics: present.map((t) => t.name) });
  for (const topic of present) {
    const count = topics.find((t) => t.name === topic.name)?.partitions.length ?? 0;
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
  for (const topic of present) {
    const entries = described.resources.find((r) => r.resourceName === topic.name)?.configEntries ?? [];
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

/** ACLs that are missing, and ones of a mesh principal that the files do not ask for. None where there is no authorizer. */
export const aclDrift = async (admin: Admin, desired: readonly DesiredAcl[], prefix: string): Promise<Drift[]> => {
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
  if (!found) return [];
  const entryOf = (acl: DesiredAcl) => ({
    resourceType: AclResourceTypes[acl.resourceType],
    resourceName: acl.resourceName,
    resourcePatternType: ResourcePatternTypes[acl.pattern],
    principal: acl.principal,
    host: '*',
    operation: AclOperationTypes[acl.operation],
    permissionType: AclPermissionTypes.ALLOW,
  });
  const actual = new Set(
    found.resources.flatMap((r) =>
      r.acls.map(
        (a) =>
          `${a.principal} ${nameOf(AclOperationTypes, a.operation)} ${nameOf(AclResourceTypes, r.resourceType)} ${nameOf(ResourcePatternTypes, r.resourcePatternType)} ${r.resourceName}`,
      ),
    ),
  );
  const missing = desired.filter((acl) => !actual.has(aclKey(acl)));
  const wanted = new Set(desired.map(aclKey));
  const surplus = [...actual].filter((key) => {
    const [principal = '', , , , name = ''] = key.split(' ');
    return principal.startsWith('User:parley-') && name.startsWith(`${prefix}`) && !wanted.has(key);
  });
  return [
    ...missing.map((acl) => ({
      what: `ACL missing: ${aclKey(acl)}`,
      mend: async () => {
        await admin.createAcls({ acl: [entryOf(acl)] });
      },
    })),
    ...surplus.map((key) => ({ what: `ACL not asked for: ${key}` })),
  ];
};
