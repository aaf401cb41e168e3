/**
 * The log port in memory, for unit tests: Avro included, durability not. Several logs over one cluster are several
 * processes.
 */
import { type EventType, fileOf, orderingKey, topicOf, topicOfEvent, topics } from '../../topics/index.ts';
import { createCodec, localSchemaIds } from './codec.ts';
import { RuntimeError } from './errors.ts';
import type { Event, Log } from './log.ts';
import { hashOf, MemoryCluster, partitionsOf, type Stored } from './memory/cluster.ts';
import { Member, share } from './memory/member.ts';
import { startTail } from './memory/tail.ts';
import { headersOf, recorded, typeOf } from './recorded.ts';

export { MemoryCluster } from './memory/cluster.ts';

/** Frames naming every local schema id, so that decoding never waits. */
const knownIds = (): Buffer[] =>
  Object.keys(topicOf).map((_, i) => {
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(i + 1, 1);
    return frame;
  });

export interface MemoryLog extends Log {
  /** Ends as a killed process does: nothing more is committed, others take over. */
  crash(): Promise<void>;
}

/** A log over `cluster`, by default one of its own. */
export const createMemoryLog = async (cluster = new MemoryCluster()): Promise<MemoryLog> => {
  const codec = await createCodec(localSchemaIds(), Object.keys(topicOf) as EventType[]);
  await codec.learn(knownIds());
  const read = (stored: Stored) => recorded(stored, typeOf(stored.headers), codec);
  const memberships: { member: Member; leave(crashed: boolean): Promise<void> }[] = [];
  const tails = new Set<() => void>();
  const partitionOf = (key: string, count = topics['mesh.requests'].partitions) => hashOf(key) % count;

  const store = (event: Event): number => {
    const topic = topicOfEvent(event.type, event.data);
    const value = codec.encode(event.type, event.data as never);
    const headers = Object.fromEntries(Object.entries(headersOf(event)).map(([k, v]) => [k, Buffer.from(v)]));
    const partition = partitionOf(orderingKey(topic, event.key), fileOf(topic).partitions);
    const records = cluster.records(topic, partition);
    const record = { topic, partition, offset: records.length, key: Buffer.from(event.key), value, headers };
    records.push({ ...record, time: Date.now() });
    return record.offset;
  };

  const log: MemoryLog = {
    append: async (events, signal) => {
      signal?.throwIfAborted();
      if (cluster.unavailable) throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be reached');
      const offsets = events.map(store);
      cluster.wake();
      return offsets;
    },
    consume: async (groupId, names, consumer) => {
      const group = cluster.group(groupId);
      const all = [...new Set(names.flatMap(partitionsOf))];
      const member = new Member(cluster, group, names, consumer, (stored) => read(stored));
      group.members.push(member);
      const leave = async (crashed: boolean) => {
        if (!group.members.includes(member)) return;
        if (crashed) member.crash();
        else await member.close();
        group.members = group.members.filter((m) => m !== member);
        await share(group, all);
      };
      memberships.push({ member, leave });
      await share(group, all);
      return { owns: (partition) => member.owns(partition), close: () => leave(false) };
    },
    tail: async (names, see, options) => startTail(cluster, names, see, options, read, tails),
    read: async (topic, partition, offset) => {
      if (cluster.unavailable) throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be reached');
      const stored = cluster.records(topic, partition).find((record) => record.offset === offset);
      return stored && read(stored);
    },
    healthy: () => !cluster.unavailable,
    partitionOf: (key) => partitionOf(key),
    close: async () => {
      for (const { leave } of memberships) await leave(false);
      for (const stop of tails) stop();
    },
    crash: async () => {
      for (const stop of tails) stop();
      for (const { leave } of memberships) await leave(true);
    },
  };
  return log;
};
