import { afterEach, expect, test } from 'vitest';
import type { EventType, TopicName } from '../../topics/index.ts';
import { contextForTests } from './context-for-tests.ts';
import { newId } from './event.ts';
import type { Consumer, Event, Log } from './log.ts';
import { createMemoryLog, MemoryCluster } from './memory-log.ts';
import { type Processor, processorService } from './processor.ts';
import type { RunningService } from './service.ts';

/** Answers each CancelRequested with how many it has seen in the conversation, itself included. */
const counting: Processor<Map<string, number>, 'CancelRequested', 'AttemptBegun'> = {
  name: 'edge-llm',
  reads: ['CancelRequested'],
  follows: [],
  writes: ['AttemptBegun'],
  initialState: () => new Map(),
  decide: (event, counts) => {
    if (event.data.reason === 'DEADLINE') throw new Error('cannot be');
    const attempt = (counts.get(event.key) ?? 0) + 1;
    return [{ type: 'AttemptBegun', data: { target: { id: 't', connection: 'c', name: 'n' }, attempt } }];
  },
  evolve: (counts, event) => {
    if (event.type === 'AttemptBegun') counts.set(event.key, event.data.attempt);
    return counts;
  },
  forget: () => new Map(),
};

const cancel = (key: string, reason: 'CLIENT_GONE' | 'DEADLINE' = 'CLIENT_GONE'): Event<'CancelRequested'> => ({
  id: newId(),
  type: 'CancelRequested',
  source: 'test',
  key,
  time: Date.now(),
  correlationId: 'r',
  causationId: '',
  traceparent: '',
  data: { reason },
});

const until = async (condition: () => boolean | Promise<boolean>) => {
  const end = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

const running: RunningService[] = [];
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

const start = async (log: Log) => {
  const service = await processorService(counting).start(contextForTests(log));
  running.push(service);
  return service;
};

const read = async (log: Log, topic: TopicName, type: EventType) => {
  const seen: Event[] = [];
  const tail = await log.tail([topic], (record) => void seen.push(record), { from: 'beginning', types: [type] });
  await tail.caughtUp;
  await tail.close();
  return seen;
};

const attempts = async (log: Log) => (await read(log, 'mesh.attempts', 'AttemptBegun')) as Event<'AttemptBegun'>[];

test('what a processor states follows from the event: in its conversation, of its request, with a derived id', async () => {
  const log = await createMemoryLog();
  await start(log);
  const event = cancel('c1');
  await log.append([event]);
  await until(async () => (await attempts(log)).length === 1);
  const [stated] = await attempts(log);
  expect(stated).toMatchObject({ source: 'edge-llm', key: 'c1', correlationId: 'r', causationId: event.id });
  await log.append([event]);
  await log.append([cancel('c1')]);
  await until(async () => (await attempts(log)).length >= 2);
  expect((await attempts(log)).map((a) => a.data.attempt)).toEqual([1, 2]);
});

test('after a crash before the commit, what was stated is recalled: nothing is stated twice, state goes on', async () => {
  const cluster = new MemoryCluster();
  const first = await createMemoryLog(cluster);
  await processorService(counting).start(contextForTests(first));
  await first.append([cancel('c1'), cancel('c1'), cancel('c1')]);
  await until(async () => (await attempts(first)).length === 3);
  await first.crash();
  const second = await createMemoryLog(cluster);
  await start(second);
  await second.append([cancel('c1')]);
  await until(async () => (await attempts(second)).length >= 4);
  expect((await attempts(second)).map((a) => a.data.attempt)).toEqual([1, 2, 3, 4]);
});

test('what is recalled of a partition that was lost meanwhile is not folded', async () => {
  const log = await createMemoryLog();
  const said = cancel('c1') as Event;
  await log.append([
    {
      ...said,
      source: counting.name,
      type: 'AttemptBegun',
      data: { target: { id: 't', connection: 'c', name: 'n' }, attempt: 7 },
    },
  ]);
  const partition = log.partitionOf('c1');
  let consumer!: Consumer;
  const recalling = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  const slow: Log = {
    ...log,
    consume: async (_, __, given) => {
      consumer = given;
      return { owns: () => true, close: async () => {} };
    },
    tail: async (topics, see, options) => {
      if (topics.length > 0) {
        recalling.resolve();
        await lost.promise;
      }
      return log.tail(topics, see, options);
    },
  };
  const folded: string[] = [];
  const listening = {
    ...counting,
    evolve: ((counts, event) => {
      folded.push(event.type);
      return counting.evolve(counts, event);
    }) as typeof counting.evolve,
  };
  running.push(await processorService(listening).start(contextForTests(slow)));
  const first = consumer.assigned([{ partition, since: 0 }]);
  await recalling.promise;
  consumer.revoked([partition]);
  lost.resolve();
  await first;
  expect(folded).toEqual([]);
  await consumer.assigned([{ partition, since: 0 }]);
  expect(folded).toEqual(['AttemptBegun']);
});

test('an append that fails is tried again from the log, in order', async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  await start(log);
  const events = [cancel('c1'), cancel('c1')];
  await log.append(events);
  cluster.unavailable = true;
  await new Promise((resolve) => setTimeout(resolve, 20));
  cluster.unavailable = false;
  await until(async () => (await attempts(log)).length === 2);
  expect((await attempts(log)).map((a) => a.causationId)).toEqual(events.map((e) => e.id));
});

/** Numbers what it hears of a conversation, for as long as that lives. */
const numbering: Processor<Map<string, number>, 'CancelRequested', 'TimerCleared'> = {
  name: 'task-state',
  reads: ['CancelRequested'],
  follows: [],
  keeps: ['TimerCleared'],
  writes: ['TimerCleared'],
  initialState: () => new Map(),
  decide: ({ key }, numbers) => {
    const timerId = String((numbers.get(key) ?? 0) + 1);
    const data = { timerId, taskId: 't', agent: 'a', purpose: 'DEADLINE' } as const;
    return [{ type: 'TimerCleared', key: `${key}/t`, correlationId: `own-${timerId}`, data }];
  },
  evolve: (numbers, event) => {
    const number = event.type === 'TimerCleared' ? Number(event.data.timerId) : 0;
    const key = event.key.replace('/t', '');
    return number > (numbers.get(key) ?? 0) ? numbers.set(key, number) : numbers;
  },
  forget: () => new Map(),
};

test('what a processor keeps it has again, however long ago it said so, and nothing is stated twice', async () => {
  const cluster = new MemoryCluster();
  const cleared = async () => (await read(second, 'mesh.timers', 'TimerCleared')) as Event<'TimerCleared'>[];
  const first = await createMemoryLog(cluster);
  const second = await createMemoryLog(cluster);
  const once = await processorService(numbering).start(contextForTests(first));
  await first.append([cancel('c1'), cancel('c2'), cancel('c1')]);
  await until(async () => (await cleared()).length === 3);
  await once.stop();
  const again = await processorService(numbering).start(contextForTests(first));
  await first.append([cancel('c1')]);
  await until(async () => (await cleared()).length === 4);
  await first.crash();
  await again.stop();
  running.push(await processorService(numbering).start(contextForTests(second)));
  await second.append([cancel('c2'), cancel('c1')]);
  await until(async () => (await cleared()).length >= 6);
  const ofKey = async (key: string) => (await cleared()).filter((e) => e.key === key).map((e) => e.data.timerId);
  expect(await ofKey('c1/t')).toEqual(['1', '2', '3', '4']);
  expect(await ofKey('c2/t')).toEqual(['1', '2']);
  expect((await cleared()).map((e) => e.correlationId)).toEqual((await cleared()).map((e) => `own-${e.data.timerId}`));
});

/** States once that a breaker opened, as far as it knows. */
const opening = (decided: () => void): Processor<Set<string>, 'CancelRequested', 'BreakerOpened'> => ({
  name: 'routing',
  reads: ['CancelRequested'],
  follows: ['BreakerOpened'],
  writes: ['BreakerOpened'],
  initialState: () => new Set(),
  decide: ({ key }, open) => {
    decided();
    return open.has(key)
      ? []
      : [{ type: 'BreakerOpened', key, data: { target: key, reason: 'r', failures: 1, until: 1 } }];
  },
  evolve: (open, event) => (event.type === 'BreakerOpened' ? open.add(event.data.target) : open),
});

test('what is stated and followed is not folded before it is in the log', async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  let decisions = 0;
  running.push(await processorService(opening(() => void decisions++)).start(contextForTests(log)));
  await log.append([cancel('c1')]);
  cluster.unavailable = true;
  await until(() => decisions > 0);
  expect(await read(log, 'mesh.breakers', 'BreakerOpened')).toEqual([]);
  cluster.unavailable = false;
  await until(async () => (await read(log, 'mesh.breakers', 'BreakerOpened')).length > 0);
  const before = decisions;
  await log.append([cancel('c1')]);
  await until(() => decisions > before);
  expect(await read(log, 'mesh.breakers', 'BreakerOpened')).toHaveLength(1);
});

test('an event that can never be processed becomes a dead letter, whole and with the reason, and the next goes on', async () => {
  const log = await createMemoryLog();
  await start(log);
  const bad = cancel('c1', 'DEADLINE');
  await log.append([bad, cancel('c1')]);
  await until(async () => (await attempts(log)).length === 1);
  const [letter] = (await read(log, 'mesh.dead-letters', 'EventDeadLettered')) as Event<'EventDeadLettered'>[];
  expect(letter).toMatchObject({
    causationId: bad.id,
    data: { service: 'edge-llm', reason: 'cannot be', topic: 'mesh.cancellations' },
  });
  expect(letter!.data.recordHeaders.ce_id?.toString()).toBe(bad.id);
});

test('an event that cannot be encoded makes its cause a dead letter, and the next goes on', async () => {
  const log = await createMemoryLog();
  const wrong = {
    ...counting,
    decide: ((event, counts) =>
      event.key === 'bad'
        ? [{ type: 'AttemptBegun', data: {} }]
        : counting.decide(event, counts)) as typeof counting.decide,
  };
  running.push(await processorService(wrong).start(contextForTests(log)));
  await log.append([cancel('bad'), cancel('c1')]);
  await until(async () => (await attempts(log)).length === 1);
  expect(await read(log, 'mesh.dead-letters', 'EventDeadLettered')).toHaveLength(1);
});

test('an event put back after a dead letter is decided on', async () => {
  const log = await createMemoryLog();
  let mended = false;
  const flawed = {
    ...counting,
    decide: ((event, counts) => {
      if (!mended) throw new Error('flaw');
      return counting.decide(event, counts);
    }) as typeof counting.decide,
  };
  running.push(await processorService(flawed).start(contextForTests(log)));
  const event = cancel('c1');
  await log.append([event]);
  await until(async () => (await read(log, 'mesh.dead-letters', 'EventDeadLettered')).length === 1);
  mended = true;
  await log.append([event]);
  await until(async () => (await attempts(log)).length === 1);
});

test.each([
  ['no headers', {}],
  ['an envelope and rubbish', { ce_id: 'x', ce_type: 'mesh.CancelRequested', ce_time: '2026-01-01T00:00:00Z' }],
])('a record with %s becomes a dead letter', async (_, headers) => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  await start(log);
  const raw = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, Buffer.from(v as string)]));
  cluster.put({
    topic: 'mesh.cancellations',
    partition: 3,
    key: Buffer.from('k'),
    value: Buffer.from('rubbish'),
    headers: raw,
    time: Date.now(),
  });
  await until(async () => (await read(log, 'mesh.dead-letters', 'EventDeadLettered')).length === 1);
  await log.append([cancel('c1')]);
  await until(async () => (await attempts(log)).length === 1);
});
