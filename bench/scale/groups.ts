/** The consumer groups of a mesh, from outside: where they are, and where they are put. */
import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from '../../services/audit/index.ts';
import { edgeAgents } from '../../services/edge-agents/index.ts';
import { createKafka } from '../../services/runtime/kafka/connection.ts';
import { joinGroup } from '../../services/runtime/kafka/membership.ts';
import type { KafkaLogContext } from '../../services/runtime/kafka/shared.ts';
import { taskState } from '../../services/task-state/index.ts';
import type { TopicName } from '../../topics/index.ts';
import { type Mesh, withAdmin } from './cluster.ts';

/** What each group is handed; what its service only follows is not in it. */
export const GROUPS = {
  policy: ['mesh.requests'],
  routing: ['mesh.decisions', 'mesh.attempts'],
  'edge-llm-outbound': ['mesh.dispatches'],
  metering: ['mesh.responses'],
  audit: audit.reads,
} as const satisfies Record<string, readonly TopicName[]>;

/** Groups that only pass by what the log is filled with, and would read all of it if they had never been anywhere. */
const PASSING: Readonly<Record<string, readonly TopicName[]>> = {
  'task-state': taskState.reads,
  'edge-agents': edgeAgents.reads,
  'edge-a2a-outbound': ['mesh.dispatches'],
  'edge-mcp-outbound': ['mesh.dispatches'],
};

export type Group = keyof typeof GROUPS;
export const groups = Object.keys(GROUPS) as Group[];

const LOOK_MS = 100;
const SHARED_WITHIN_MS = 60_000;

/** How many records each of these topics holds. */
export const recordsOf = (mesh: Mesh, topics: readonly TopicName[]): Promise<number> =>
  withAdmin(mesh, async (admin) => {
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(mesh.topicPrefix + topic)));
    return ends.flat().reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
  });

/**
 * Commits the end of the log for a group, as the services do: with the time of the last record in the metadata, 0 where there was none.
 * Nobody else may be a member.
 */
export const commitEnds = (mesh: Mesh, group: Group): Promise<void> => commitEndsOf(mesh, group, GROUPS[group]);

/** @see commitEnds */
export const commitEndsOf = async (mesh: Mesh, group: string, topics: readonly TopicName[]): Promise<void> => {
  const names = topics.map((topic) => mesh.topicPrefix + topic);
  const ends = await withAdmin(mesh, (admin) =>
    Promise.all(names.map(async (topic) => ({ topic, partitions: await admin.fetchTopicOffsets(topic) }))),
  );
  const { promise: joined, resolve } = Promise.withResolvers<void>();
  const { logger } = mesh;
  const context = { kafka: createKafka(mesh.kafka, logger), logger } as KafkaLogContext;
  const member = { owned: () => [], rebalancing: () => {}, assigned: () => resolve(), confirmed: () => {} };
  const membership = await joinGroup(context, mesh.topicPrefix + group, names, member);
  await joined;
  const now = String(Date.now());
  await membership.commit(
    ends.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, high }) => ({ topic, partition, offset: high, metadata: high === '0' ? '0' : now })),
    ),
  );
  await membership.leave();
};

/** The same for every group of a mesh without agents and tools. */
export const commitAllEnds = async (mesh: Mesh): Promise<void> => {
  for (const [group, topics] of Object.entries({ ...GROUPS, ...PASSING })) await commitEndsOf(mesh, group, topics);
};

/** Resolves when a group has committed all that is in its topics, which it does once a second. */
export const untilCaughtUp = (mesh: Mesh, group: Group, signal: AbortSignal): Promise<void> =>
  withAdmin(mesh, async (admin) => {
    const names = GROUPS[group].map((topic) => mesh.topicPrefix + topic);
    const lag = async () => {
      const committed = await admin.fetchOffsets({ groupId: mesh.topicPrefix + group, topics: names });
      const lags = committed.map(async ({ topic, partitions }) => {
        const at = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        return (await admin.fetchTopicOffsets(topic)).reduce(
          (sum, { partition, low, high }) => sum + Number(high) - Math.max(Number(low), at.get(partition) ?? 0),
          0,
        );
      });
      return (await Promise.all(lags)).reduce((sum, one) => sum + one, 0);
    };
    while ((await lag()) > 0) await sleep(LOOK_MS, undefined, { signal });
  });

/** Resolves when these groups have so many members each, and are shared out. @throws after a minute. */
export const untilShared = (
  mesh: Mesh,
  members: Readonly<Partial<Record<Group, number>>>,
  signal: AbortSignal,
): Promise<void> =>
  withAdmin(mesh, async (admin) => {
    const wanted = Object.entries(members).map(([group, count]) => ({ id: mesh.topicPrefix + group, count }));
    const giveUp = Date.now() + SHARED_WITHIN_MS;
    for (;;) {
      const found = await admin.describeGroups(wanted.map(({ id }) => id));
      const isShared = ({ id, count }: { id: string; count: number }) =>
        found.groups.some((g) => g.groupId === id && g.state === 'Stable' && g.members.length === count);
      if (wanted.every(isShared)) return;
      if (Date.now() > giveUp) throw new Error('the services did not share the partitions out within a minute');
      await sleep(LOOK_MS, undefined, { signal });
    }
  });

/** Forgets where a group is. Nobody may be a member. */
export const forgetGroup = (mesh: Mesh, group: Group): Promise<void> =>
  withAdmin(mesh, async (admin) => {
    await admin.deleteGroups([mesh.topicPrefix + group]);
  });
