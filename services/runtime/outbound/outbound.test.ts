import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { contextForTests } from '../context-for-tests.ts';
import { follow, newId } from '../event.ts';
import type { AnyRecorded, Event } from '../log.ts';
import { createMemoryLog, MemoryCluster } from '../memory-log.ts';
import { requestForTests } from '../request-for-tests.ts';
import { Abandoned } from './faults.ts';
import { type OutboundEdge, startOutboundEdge } from './outbound.ts';
import { attemptBegun, failedOf, responseFailed, type Say, saying } from './outcomes.ts';
import { finish } from './recall.ts';
import type { Tenure } from './tenures.ts';

const until = async (holds: () => boolean) => {
  while (!holds()) await sleep(5);
};

type Edge = OutboundEdge<string, 'AttemptBegun' | 'ResponseFailed'>;

/** An edge that follows every agent that it is dispatched to for as long as it may, in lanes of tasks. */
const world = async () => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const heard: AnyRecorded[] = [];
  await log.tail(['mesh.responses', 'mesh.attempts'], (record) => heard.push(record), { from: 'beginning' });
  onTestFinished(() => log.crash());

  const edge = async (change: Partial<Edge> = {}) => {
    const own = await createMemoryLog(cluster);
    const performed: { taskId: string; tenure: Tenure }[] = [];
    const unfinished: string[] = [];
    const assigned: (readonly Tenure[])[] = [];
    const end = async (tenure: Tenure, dispatch: Parameters<Edge['perform']>[1], message: string) => {
      const say = saying('edge-a2a', dispatch, '', Date.now);
      await tenure.persist([responseFailed(say, dispatch.data, failedOf('UNSPECIFIED', message), 0)]);
    };
    const running = await startOutboundEdge<string, 'AttemptBegun' | 'ResponseFailed'>(
      contextForTests(own),
      {
        name: 'edge-a2a',
        serves: ({ data }) => data.request.protocol === 'a2a',
        laneOf: ({ data }) => data.request.taskId,
        recalling: {
          topics: ['mesh.responses', 'mesh.attempts'],
          types: ['AttemptBegun', 'ResponseFailed'],
          add: (said, event) => {
            if (event.type === 'ResponseFailed') finish(said, event.causationId);
            else said.unfinished.set(event.causationId, event.data.target.id);
          },
        },
        wholeRequestOf: async ({ data }) => data.request,
        perform: async (tenure, dispatch, { taskId }) => {
          await tenure.persist([attemptBegun(saying('edge-a2a', dispatch, '', Date.now), dispatch.data)]);
          performed.push({ taskId, tenure });
        },
        closeUnfinished: async (tenure, dispatch, _request, target) => {
          unfinished.push(target);
          await end(tenure, dispatch, 'closed');
        },
        assigned: async (tenures) => void assigned.push(tenures),
        ...change,
      },
      { graceMs: 0, retryMs: 5 },
    );
    let over: Promise<void> | undefined;
    const stop = () => {
      over ??= running.stop();
      return over;
    };
    onTestFinished(async () => {
      await stop();
      await own.crash();
    });
    return { ...running, stop, log: own, performed, unfinished, assigned };
  };

  const dispatch = async (taskId: string, protocol = 'a2a', id = newId()) => {
    const event: Event<'RequestDispatched'> = {
      id: newId(),
      type: 'RequestDispatched',
      source: 'routing',
      key: 'context-1',
      time: Date.now(),
      correlationId: id,
      causationId: 'cause',
      traceparent: '',
      data: {
        request: requestForTests({
          id,
          contextId: 'context-1',
          action: 'agent.send',
          resource: { type: 'agent', id: 'helper' },
          protocol,
          taskId,
        }),
        decision: { configurationVersion: 'test', policies: [], reason: '' },
        target: { id: 'a2a/helper', connection: 'agent:helper', name: 'helper' },
        attempt: 1,
        tried: [],
        probe: false,
        reason: '',
        configurationVersion: 'test',
      },
    };
    await log.append([event]);
    return event;
  };
  const types = () => heard.map(({ type }) => type);
  return { log, edge, dispatch, types, partition: log.partitionOf('context-1') };
};

test('what goes on after a dispatch is done with goes on with its tenure, until that is over', async () => {
  const w = await world();
  const first = await w.edge();
  const dispatched = await w.dispatch('one');
  await until(() => first.performed.length === 1);
  const { tenure } = first.performed[0]!;
  expect(first.tenureOf(w.partition)).toBe(tenure);
  expect(first.assigned.flat()).toContain(tenure);
  expect(tenure.owns()).toBe(true);

  const say = saying('edge-a2a', dispatched as never, '', Date.now);
  await tenure.persist([attemptBegun(say, dispatched.data)]);
  await first.stop();
  expect(tenure.signal.reason).toBeInstanceOf(Abandoned);
  expect(tenure.owns()).toBe(false);
  expect(first.tenureOf(w.partition)).toBeUndefined();
  await expect(tenure.persist([attemptBegun(say, dispatched.data)])).rejects.toBeInstanceOf(Abandoned);

  const second = await w.edge();
  await w.dispatch('two');
  await until(() => second.performed.length === 1);
  // Done with is done with: only the second is handed to the next instance.
  expect(second.performed.map(({ taskId }) => taskId)).toEqual(['two']);
  expect(second.unfinished).toEqual([]);
});

test('a partition that becomes another instance’s ends the tenure', async () => {
  const w = await world();
  const first = await w.edge();
  const tenures = () => first.assigned.flat();
  await until(() => tenures().length > 0);
  const second = await w.edge();
  await until(() => second.assigned.length > 0);
  const theirs = second.assigned.flat().map(({ partition }) => partition);
  expect(theirs.length).toBeGreaterThan(0);
  for (const partition of theirs) {
    const lost = tenures().filter((tenure) => tenure.partition === partition);
    await until(() => lost.every(({ signal }) => signal.aborted));
    expect(second.tenureOf(partition)?.signal.aborted).toBe(false);
  }
});

test('lanes are those that the edge names', async () => {
  const w = await world();
  const order: string[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await w.edge({
    perform: async (_tenure, dispatch, { taskId }) => {
      order.push(`${taskId} begins`);
      if (dispatch.data.request.protocol === 'a2a' && taskId === 'one' && order.length === 1) await gate;
      order.push(`${taskId} ends`);
    },
  });
  await w.dispatch('one');
  await w.dispatch('one');
  await w.dispatch('two');
  await until(() => order.includes('two ends'));
  expect(order).toEqual(['one begins', 'two begins', 'two ends']);
  release();
  await until(() => order.length === 6);
});

test('what was begun by an instance that is gone is closed; what others said is not recalled', async () => {
  const w = await world();
  const held = await w.edge({
    perform: async (tenure, dispatch, _request, signal) => {
      await tenure.persist([attemptBegun(saying('edge-a2a', dispatch, '', Date.now), dispatch.data)]);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  const { id, key, correlationId, data } = await w.dispatch('one');
  await until(() => w.types().includes('AttemptBegun'));
  const say: Say = (index, type, said) =>
    follow('edge-llm', { id, key, correlationId, traceparent: '' }, index, type, said, Date.now());
  await w.log.append([responseFailed(say, data, failedOf('UNSPECIFIED', 'of another'), 0)]);
  await held.log.crash();
  const next = await w.edge();
  await until(() => w.types().filter((type) => type === 'ResponseFailed').length === 2);
  expect(next.unfinished).toEqual(['a2a/helper']);
  expect(next.performed).toEqual([]);

  await w.dispatch('two', 'openai.chat');
  await w.dispatch('three');
  await until(() => next.performed.length === 1);
  expect(next.performed[0]!.taskId).toBe('three');
});

test('a request that has its end is not performed again, by this instance or the next', async () => {
  const w = await world();
  const performed: string[] = [];
  const ending: Partial<Edge> = {
    perform: async (tenure, dispatch, { taskId }) => {
      performed.push(taskId);
      const say = saying('edge-a2a', dispatch, '', Date.now);
      await tenure.persist([responseFailed(say, dispatch.data, failedOf('UNSPECIFIED', 'ended'), 0)]);
    },
  };
  const first = await w.edge(ending);
  const { correlationId } = await w.dispatch('one');
  await until(() => w.types().includes('ResponseFailed'));
  await w.dispatch('again', 'a2a', correlationId);
  await w.dispatch('two');
  await until(() => performed.includes('two'));
  await first.stop();
  await w.dispatch('again', 'a2a', correlationId);
  await w.edge(ending);
  await w.dispatch('three');
  await until(() => performed.includes('three'));
  expect(performed).toEqual(['one', 'two', 'three']);
});

test('an attempt at a request waits until the one before is over', async () => {
  const w = await world();
  const performed: string[] = [];
  const gate = Promise.withResolvers<void>();
  await w.edge({
    perform: async (_tenure, _dispatch, { taskId }) => {
      performed.push(taskId);
      if (taskId === 'one') await gate.promise;
    },
  });
  const { correlationId } = await w.dispatch('one');
  await until(() => performed.includes('one'));
  await w.dispatch('again', 'a2a', correlationId);
  await w.dispatch('two');
  await until(() => performed.includes('two'));
  expect(performed).toEqual(['one', 'two']);
  gate.resolve();
  await until(() => performed.includes('again'));
});
