/** What every implementation of the log port does. Run by memory-log.test.ts and by integration-tests/kafka-log.test.ts. */
import { afterEach, describe, expect, test } from 'vitest';
import type { EventType } from '../../topics/index.ts';
import { newId } from './event.ts';
import type { AnyRecorded, AssignedPartition, Consumer, Event, Log } from './log.ts';

export interface LogUnderTest {
  /** Another process's log on the same cluster. */
  open(): Promise<Log>;
  /** Makes the topics of agents, while logs are open. */
  agents(agents: readonly { name: string; partitions: number }[]): Promise<void>;
}

const until = async (condition: () => boolean, what: string): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const cancel = (key: string, id = newId()): Event<'CancelRequested'> => ({
  id,
  type: 'CancelRequested',
  source: 'test',
  key,
  time: Date.now(),
  correlationId: `request-of-${key}`,
  causationId: 'cause',
  traceparent: '',
  data: { reason: 'CLIENT_GONE' },
});

const failedAuthentication = (key: string, id: string): Event<'AuthenticationFailed'> => ({
  ...cancel(key, id),
  type: 'AuthenticationFailed',
  data: { protocol: 'openai.chat', reason: 'unknown', credential: 'none', count: 1 },
});

const delivered = (agent: string, key: string, id = newId()): Event<'CancelDelivered'> => ({
  ...cancel(key, id),
  type: 'CancelDelivered',
  data: { agent, taskId: `task-of-${key}`, reason: 'CLIENT_GONE' },
});

const timerCleared = (key: string): Event<'TimerCleared'> => ({
  ...cancel(key),
  type: 'TimerCleared',
  data: { timerId: 'timer', taskId: 't', agent: 'a', purpose: 'DEADLINE' },
});

const topic = 'mesh.cancellations' as const;

interface Seen {
  records: AnyRecorded[];
  assigned: AssignedPartition[];
  revoked: number[];
}

const consumerOf = (
  seen: Seen,
  handle: (record: AnyRecorded) => Promise<void> = async () => {},
  types: EventType[] = ['CancelRequested'],
): Consumer => ({
  types,
  assigned: async (partitions) => void seen.assigned.push(...partitions),
  revoked: (partitions) => void seen.revoked.push(...partitions),
  handle: (record) => {
    seen.records.push(record);
    return handle(record);
  },
});

const nothing = (): Seen => ({ records: [], assigned: [], revoked: [] });

export const logBehaviour = (name: string, make: () => Promise<LogUnderTest>): void => {
  describe(name, () => {
    const opened: Log[] = [];
    const clusterWithAgents = async () => {
      const under = await make();
      const open = async () => {
        const log = await under.open();
        opened.push(log);
        return log;
      };
      return { open, agents: under.agents };
    };
    const cluster = async () => (await clusterWithAgents()).open;
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close();
    });

    test('a tail from the end sees what is appended after it listens, in order, as it was stated', async () => {
      const log = await (await cluster())();
      await log.append([cancel('before')]);
      const seen: AnyRecorded[] = [];
      const tail = await log.tail([topic], (record) => void seen.push(record), { from: 'end' });
      const stated = [cancel('a'), cancel('a'), cancel('a')];
      await log.append(stated.slice(0, 1));
      await log.append(stated.slice(1));
      await until(() => seen.length === 3, 'three records');
      expect(
        seen.map(({ id, type, source, key, time, correlationId, causationId, traceparent, data }) => ({
          id,
          type,
          source,
          key,
          time,
          correlationId,
          causationId,
          traceparent,
          data: { ...data },
        })),
      ).toEqual(stated);
      expect(new Set(seen.map((r) => r.partition))).toEqual(new Set([log.partitionOf('a')]));
      expect(seen.map((r) => r.offset)).toEqual([...seen.map((r) => r.offset)].sort((a, b) => a - b));
      await tail.close();
    });

    test('a tail from the beginning is caught up when it has seen all there was, and tells how far it is', async () => {
      const log = await (await cluster())();
      const events = Array.from({ length: 40 }, (_, i) => cancel(`k${i}`));
      await log.append(events);
      const seen = new Set<string>();
      let far = [0, 0];
      const tail = await log.tail([topic], ({ id }) => void seen.add(id), {
        from: 'beginning',
        progress: (done, total) => {
          far = [done, total];
        },
      });
      await tail.caughtUp;
      expect(seen).toEqual(new Set(events.map((e) => e.id)));
      expect(far).toEqual([40, 40]);
      await tail.close();
    });

    test('a tail of an empty topic is caught up at once', async () => {
      const log = await (await cluster())();
      const tail = await log.tail([topic], () => {}, { from: 'beginning' });
      await tail.caughtUp;
      await tail.close();
    });

    test('a tail from a time sees that partition from that time on, and at least the last records', async () => {
      const log = await (await cluster())();
      await log.append([cancel('a', 'one'), cancel('a', 'two')]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const after = Date.now();
      const partitions = [log.partitionOf('a')];
      const read = async (atLeastLast: number) => {
        const seen: string[] = [];
        const from = { time: after + 1_000, atLeastLast };
        const tail = await log.tail([topic], ({ id }) => void seen.push(id), { from, partitions });
        await tail.caughtUp;
        await tail.close();
        return seen;
      };
      expect(await read(0)).toEqual([]);
      expect(await read(1)).toEqual(['two']);
      expect(await read(5)).toEqual(['one', 'two']);
    });

    test('types are filtered without decoding', async () => {
      const log = await (await cluster())();
      const seen: AnyRecorded[] = [];
      const tail = await log.tail(['mesh.cancellations', 'mesh.usage'], (r) => void seen.push(r), {
        from: 'beginning',
        types: ['UsageRecorded'],
      });
      await log.append([cancel('a')]);
      await tail.caughtUp;
      expect(seen).toEqual([]);
      await tail.close();
    });

    test('a group is handed each record once, in order within a key', async () => {
      const log = await (await cluster())();
      const seen = nothing();
      await log.consume('readers', [topic], consumerOf(seen));
      const events = Array.from({ length: 60 }, (_, i) => cancel(`k${i % 6}`));
      await log.append(events);
      await until(() => seen.records.length >= 60, 'sixty records');
      for (const key of new Set(events.map((e) => e.key)))
        expect(seen.records.filter((r) => r.key === key).map((r) => r.id)).toEqual(
          events.filter((e) => e.key === key).map((e) => e.id),
        );
      expect(new Set(seen.assigned.map((a) => a.partition)).size).toBe(6);
    });

    test('the next record is handed over before the last one is finished', async () => {
      const log = await (await cluster())();
      const seen = nothing();
      const { promise, resolve } = Promise.withResolvers<void>();
      await log.consume(
        'readers',
        [topic],
        consumerOf(seen, () => promise),
      );
      await log.append([cancel('a'), cancel('a'), cancel('a')]);
      await until(() => seen.records.length === 3, 'three records');
      resolve();
    });

    test('a successor goes on after the finished prefix', async () => {
      const open = await cluster();
      const first = await open();
      const seen = nothing();
      const reading = await first.consume('readers', [topic], consumerOf(seen));
      await first.append([cancel('a', 'one'), cancel('a', 'two')]);
      await until(() => seen.records.length === 2, 'two records');
      await reading.close();
      await first.append([cancel('a', 'three')]);
      const later = nothing();
      await (await open()).consume('readers', [topic], consumerOf(later));
      await until(() => later.records.length > 0, 'a record');
      expect(later.records.map((r) => r.id)).toEqual(['three']);
      const since = later.assigned.find((a) => a.partition === first.partitionOf('a'))?.since ?? 0;
      expect(since).toBeGreaterThan(Date.now() - 60_000);
    });

    test('two instances share the partitions; when one leaves the other takes them over', async () => {
      const open = await cluster();
      const [one, two] = [await open(), await open()];
      const [seenByOne, seenByTwo] = [nothing(), nothing()];
      await one.consume('readers', [topic], consumerOf(seenByOne));
      const second = await two.consume('readers', [topic], consumerOf(seenByTwo));
      await until(() => new Set(seenByTwo.assigned.map((a) => a.partition)).size === 3, 'half of the partitions');
      const events = Array.from({ length: 50 }, (_, i) => cancel(`k${i}`));
      await one.append(events);
      await until(() => seenByOne.records.length + seenByTwo.records.length >= 50, 'fifty records');
      expect(new Set([...seenByOne.records, ...seenByTwo.records].map((r) => r.id)).size).toBe(50);
      expect(seenByTwo.records.length).toBeGreaterThan(0);
      await second.close();
      await one.append(Array.from({ length: 50 }, (_, i) => cancel(`k${i}`)));
      const total = () => new Set([...seenByOne.records, ...seenByTwo.records].map((r) => r.id)).size;
      await until(() => total() === 100, 'what came after');
    });

    test('a rejected record is handed over again, after the partition is assigned again, and blocks no other', async () => {
      const log = await (await cluster())();
      const seen = nothing();
      let failures = 0;
      await log.consume(
        'readers',
        [topic],
        consumerOf(seen, async ({ id }) => {
          if (id === 'stubborn' && failures++ === 0) throw new Error('not now');
        }),
      );
      await log.append([
        cancel('a', 'fine'),
        cancel('a', 'stubborn'),
        cancel('a', 'behind'),
        cancel('other', 'elsewhere'),
      ]);
      await until(() => seen.records.filter((r) => r.id === 'behind').length >= 1 && failures > 1, 'a second try');
      const last = seen.records.map((r) => r.id);
      expect(last.lastIndexOf('stubborn')).toBeLessThan(last.lastIndexOf('behind'));
      expect(last.filter((id) => id === 'fine').length).toBeLessThanOrEqual(2);
      const tenures = seen.assigned.filter(({ partition }) => partition === log.partitionOf('a'));
      expect(tenures.length).toBeGreaterThan(1);
      // Nobody else's meanwhile.
      expect(seen.revoked).toEqual([]);
    });

    test('a partition that is handed over again while the group shares anew is not left out', async () => {
      const open = await cluster();
      const [one, two] = [await open(), await open()];
      const [seenByOne, seenByTwo] = [nothing(), nothing()];
      const done = new Set<string>();
      let stubborn = true;
      const handle = async ({ id }: AnyRecorded) => {
        if (stubborn) throw new Error('not now');
        done.add(id);
      };
      await one.consume('readers', [topic], consumerOf(seenByOne, handle));
      const events = Array.from({ length: 60 }, (_, i) => cancel(`k${i}`));
      await one.append(events);
      await until(() => seenByOne.assigned.length > 6, 'a rejection');
      await two.consume('readers', [topic], consumerOf(seenByTwo, handle));
      await until(() => new Set(seenByTwo.assigned.map((a) => a.partition)).size === 3, 'half of the partitions');
      stubborn = false;
      await until(() => done.size === 60, 'all records');
    });

    test('no more records than it takes at once are under way, and the others come in order', async () => {
      const log = await (await cluster())();
      const seen = nothing();
      const waiting: (() => void)[] = [];
      const underWay = () => new Promise<void>((resolve) => waiting.push(resolve));
      await log.consume('readers', [topic], { ...consumerOf(seen, underWay), atOnce: 3 });
      const ids = Array.from({ length: 40 }, (_, i) => `${i}`);
      const keys = ['a', 'b', 'c', 'd'];
      await log.append(ids.map((id, i) => cancel(keys[i % keys.length]!, id)));
      for (let done = 0; done < ids.length; done += 1) {
        await until(() => waiting.length === Math.min(3, ids.length - done), 'those that may be under way');
        waiting.shift()?.();
      }
      for (const key of keys)
        expect(seen.records.filter((r) => r.key === key).map((r) => r.id)).toEqual(
          ids.filter((_, i) => keys[i % keys.length] === key),
        );
    });

    test('a record that takes long keeps no other partition waiting', async () => {
      const log = await (await cluster())();
      const seen = nothing();
      const { promise, resolve } = Promise.withResolvers<void>();
      const slow = 'slow';
      const other = Array.from({ length: 50 }, (_, i) => `k${i}`).find(
        (key) => log.partitionOf(key) !== log.partitionOf(slow),
      )!;
      await log.consume(
        'readers',
        [topic],
        consumerOf(seen, ({ id }) => (id === 'long' ? promise : Promise.resolve())),
      );
      await log.append([cancel(slow, 'long'), ...Array.from({ length: 2_500 }, () => cancel(slow))]);
      await until(() => seen.records.length > 2_000, 'what is behind it');
      await log.append([cancel(other, 'elsewhere')]);
      await until(() => seen.records.some((r) => r.id === 'elsewhere'), 'another partition');
      resolve();
      await log.append([cancel(slow, 'last')]);
      await until(() => seen.records.some((r) => r.id === 'last'), 'the rest');
    });

    test('an append says where its events are, and each can be read from there', async () => {
      const open = await cluster();
      const log = await open();
      const byTopic: Event[] = [
        cancel('a', 'one'),
        failedAuthentication('a', 'two'),
        cancel('a', 'three'),
        cancel('b'),
      ];
      const first = await log.append(byTopic);
      const second = await log.append([cancel('a', 'four')]);
      expect(second[0]).toBe(first[2]! + 1);
      const reader = await open();
      const topics = [topic, 'mesh.requests', topic, topic] as const;
      const read = await Promise.all(
        byTopic.map(({ key }, i) => reader.read(topics[i]!, reader.partitionOf(key), first[i]!)),
      );
      expect(read.map((record) => record && { ...record.data })).toEqual(byTopic.map(({ data }) => data));
      expect(read.map((record) => [record?.id, record?.topic, record?.partition, record?.offset])).toEqual(
        byTopic.map(({ id, key }, i) => [id, topics[i], log.partitionOf(key), first[i]]),
      );
      expect((await reader.read(topic, reader.partitionOf('a'), second[0]!))?.id).toBe('four');
    });

    test('where there is no record, none is read', async () => {
      const log = await (await cluster())();
      const [last] = await log.append([cancel('a')]);
      expect(await log.read(topic, log.partitionOf('a'), last! + 1)).toBeUndefined();
      expect(await log.read(topic, log.partitionOf('a'), last! + 1_000)).toBeUndefined();
      expect((await log.read(topic, log.partitionOf('a'), last!))?.offset).toBe(last);
    });

    test('an append that was taken back before it was sent throws', async () => {
      const log = await (await cluster())();
      await expect(log.append([cancel('a')], AbortSignal.abort(new Error('gone')))).rejects.toThrow();
    });

    test('each agent has topics of its own, also those made while a log is open', async () => {
      const { open, agents } = await clusterWithAgents();
      const log = await open();
      await log.append([cancel('a')]);
      await agents([
        { name: 'one', partitions: 1 },
        { name: 'Two_b', partitions: 3 },
      ]);
      const [seenByOne, seenByTwo] = [nothing(), nothing()];
      const reader = await open();
      const handle = async () => {};
      await reader.consume(
        'agent.one.readers',
        ['agents.one.inbox'],
        consumerOf(seenByOne, handle, ['CancelDelivered']),
      );
      await log.consume(
        'agent.Two_b.readers',
        ['agents.Two_b.inbox'],
        consumerOf(seenByTwo, handle, ['CancelDelivered']),
      );
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const stated = keys.flatMap((key) => [delivered('one', key), delivered('Two_b', key), cancel(key)]);
      const offsets = await log.append(stated);
      const later = [delivered('Two_b', 'a'), delivered('one', 'a')];
      await log.append(later);
      await until(() => seenByOne.records.length + seenByTwo.records.length === 14, 'all that was delivered');
      for (const [name, seen] of [['one', seenByOne] as const, ['Two_b', seenByTwo] as const]) {
        const toThem = [...stated, ...later].filter((e) => e.type === 'CancelDelivered' && e.data.agent === name);
        expect(new Set(seen.records.map((r) => r.id))).toEqual(new Set(toThem.map((e) => e.id)));
        expect(new Set(seen.records.map((r) => r.topic))).toEqual(new Set([`agents.${name}.inbox`]));
        const ofA = seen.records.filter((r) => r.key === 'a');
        expect(ofA.map((r) => r.id)).toEqual(toThem.filter((e) => e.key === 'a').map((e) => e.id));
        expect(new Set(ofA.map((r) => r.partition)).size).toBe(1);
      }
      const first = await reader.read('agents.one.inbox', 0, offsets[0]!);
      expect(first).toMatchObject({ id: stated[0]!.id, topic: 'agents.one.inbox' });
      const tailed: AnyRecorded[] = [];
      const tail = await reader.tail(['agents.Two_b.inbox', topic], (record) => void tailed.push(record), {
        from: 'beginning',
      });
      await tail.caughtUp;
      expect(tailed.filter((r) => r.topic !== topic)).toHaveLength(7);
      expect(tailed.filter((r) => r.topic === topic)).toHaveLength(7);
    });

    test('what is kept of a conversation part by part is where the conversation is', async () => {
      const log = await (await cluster())();
      const contexts = ['tenant:c1', 'tenant:c2', 'tenant/c3'];
      await log.append(contexts.flatMap((c) => [timerCleared(`${c}/t1.deadline`), timerCleared(`${c}/t2`), cancel(c)]));
      const seen: AnyRecorded[] = [];
      const tail = await log.tail(['mesh.timers', topic], (record) => void seen.push(record), { from: 'beginning' });
      await tail.caughtUp;
      expect(seen).toHaveLength(9);
      for (const context of contexts) {
        const parts = seen.filter(({ key }) => key.startsWith(context));
        expect(parts.map(({ partition }) => partition)).toEqual([0, 1, 2].map(() => log.partitionOf(context)));
      }
    });
  });
};
