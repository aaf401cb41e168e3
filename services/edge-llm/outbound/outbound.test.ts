import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import type { EventData, EventType, TopicName } from '../../../topics/index.ts';
import type { Configuration } from '../../runtime/configuration.ts';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { derivedId, newId } from '../../runtime/event.ts';
import type { AnyRecorded, Event, Recorded } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster, type MemoryLog } from '../../runtime/memory-log.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { withoutExporter } from '../../runtime/tracing.ts';
import { defaultOutboundTimes, type OutboundTimes, startOutbound } from './outbound.ts';
import {
  chunk,
  completion,
  connectionTo,
  data,
  json,
  reference,
  requestOf,
  startUpstream,
  stream,
  target,
} from './upstream-for-tests.ts';

const chat = { model: 'fast', messages: [{ role: 'user', content: 'hello' }] };
const topics = ['mesh.responses', 'mesh.attempts', 'mesh.dead-letters'] as const;

interface World {
  cluster: MemoryCluster;
  log: MemoryLog;
  said: AnyRecorded[];
  /** As they ended. */
  spans: { name: string; kind: string; error: string | undefined; attributes: object }[];
  /** Starts an edge, another process of its own log. */
  edge(
    times?: Partial<OutboundTimes>,
  ): Promise<{ stop(): Promise<void>; log: MemoryLog; metrics: ReturnType<typeof createMetrics> }>;
  dispatch(
    request?: Partial<mesh.Request>,
    more?: Partial<mesh.RequestDispatched>,
  ): Promise<Event<'RequestDispatched'>>;
  state<T extends EventType>(cause: Event, type: T, data: EventData[T], index?: string): Promise<void>;
  until<T extends EventType>(type: T, count?: number): Promise<Recorded<T>[]>;
  types(): string[];
}

const configurationOf = (connections: Configuration['connections']): Configuration =>
  ({ version: 'test', connections }) as Configuration;

const world = async (url: string, more: Parameters<typeof connectionTo>[1] = {}): Promise<World> => {
  const cluster = new MemoryCluster();
  const log = await createMemoryLog(cluster);
  const said: AnyRecorded[] = [];
  const spans: World['spans'] = [];
  const tail = await log.tail([...topics] as TopicName[], (record) => said.push(record), { from: 'beginning' });
  onTestFinished(async () => {
    await tail.close();
    await log.crash();
  });
  const of = <T extends EventType>(type: T) => said.filter((r) => r.type === type) as unknown as Recorded<T>[];
  return {
    cluster,
    log,
    said,
    spans,
    types: () => said.map((r) => r.type),
    edge: async (times = {}) => {
      const own = await createMemoryLog(cluster);
      const metrics = createMetrics();
      const context = contextForTests(own, {
        metrics,
        tracing: {
          start: (name, parent, kind, attributes) => ({
            ...withoutExporter.start(name, parent, kind),
            end: (error, more) => void spans.push({ name, kind, error, attributes: { ...attributes, ...more } }),
          }),
        },
        configuration: () => configurationOf([connectionTo(url, more)]),
        environment: { KEY: 'sk-from-environment' },
      });
      const edge = await startOutbound(context, { ...defaultOutboundTimes, retryMs: 5, ...times });
      let over: Promise<void> | undefined;
      const stop = () => {
        over ??= edge.stop();
        return over;
      };
      onTestFinished(async () => {
        cluster.unavailable = false;
        await stop();
        await own.crash();
      });
      return { stop, log: own, metrics };
    },
    dispatch: async (request = {}, dispatched = {}) => {
      const whole = requestOf(chat, { id: newId(), ...request });
      const event: Event<'RequestDispatched'> = {
        id: newId(),
        type: 'RequestDispatched',
        source: 'routing',
        key: whole.contextId,
        time: Date.now(),
        correlationId: whole.id,
        causationId: 'cause',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: {
          request: whole,
          decision: { configurationVersion: 'test', policies: ['all'], reason: 'allowed' },
          target,
          attempt: 1,
          tried: [],
          probe: false,
          reason: 'the only one',
          configurationVersion: 'test',
          ...dispatched,
        },
      };
      await log.append([event]);
      return event;
    },
    state: async (cause, type, said, index = 'x') => {
      await log.append([
        { ...cause, id: derivedId(cause.id, index), type, source: 'edge-llm', causationId: cause.id, data: said },
      ]);
    },
    until: async (type, count = 1) => {
      for (let i = 0; i < 1_000; i++) {
        if (of(type).length >= count) return of(type);
        await sleep(5);
      }
      throw new Error(`no ${count} ${type}, but ${said.map((r) => r.type)}`);
    },
  };
};

const gate = () => Promise.withResolvers<void>();

describe('a dispatch', () => {
  test('is performed, and its outcome follows from it', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const w = await world(upstream.url, { credential: reference('KEY') });
    await w.edge();
    const dispatch = await w.dispatch();
    const [completed] = await w.until('ResponseCompleted');
    expect(completed).toMatchObject({
      id: derivedId(dispatch.correlationId, 'outcome'),
      source: 'edge-llm',
      key: 'context-1',
      correlationId: dispatch.correlationId,
      causationId: dispatch.id,
      traceparent: dispatch.traceparent,
    });
    expect(completed!.data).toMatchObject({
      target,
      attempt: 1,
      status: 200,
      chunks: 0,
      meters: { input_tokens: 7, output_tokens: 3 },
    });
    expect(JSON.parse(completed!.data.message.toString())).toEqual(completion('hi'));
    expect(upstream.received[0]?.headers.authorization).toBe('Bearer sk-from-environment');
    expect(w.types()).toEqual(['ResponseCompleted']);
    expect(w.spans).toMatchObject([
      {
        name: 'chat upstream-model',
        kind: 'client',
        error: undefined,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'upstream-model',
          'gen_ai.conversation.id': 'context-1',
          'gen_ai.response.id': 'chatcmpl-1',
          'gen_ai.response.finish_reasons': ['stop'],
          'gen_ai.usage.input_tokens': 7,
        },
      },
    ]);
  });

  test('of a stream: its first chunk at once, the others gathered, the last ones with the outcome', async () => {
    const next = gate();
    const upstream = await startUpstream(async (_, response) => {
      stream(response, [data(chunk({ role: 'assistant', content: 'a' }))], false);
      await next.promise;
      for (const text of 'bcdefgh') {
        response.write(data(chunk({ content: text })));
        await sleep(2);
      }
      response.end(data(chunk({}, 'stop')) + data('[DONE]'));
    });
    const w = await world(upstream.url);
    await w.edge({ coalesceMs: 10_000 });
    await w.dispatch({ streaming: true, message: Buffer.from(JSON.stringify({ ...chat, stream: true })) });
    await w.until('ResponseChunk');
    expect(w.types()).toEqual(['ResponseChunk']);
    next.resolve();
    const [completed] = await w.until('ResponseCompleted');
    const chunks = await w.until('ResponseChunk', completed!.data.chunks);
    expect(chunks.map((c) => c.data.index)).toEqual([0, 1]);
    expect(
      chunks
        .map((c) => c.data.payload.toString())
        .join('')
        .match(/"content":"[a-h]"/g),
    ).toHaveLength(8);
    expect(JSON.parse(completed!.data.message.toString()).choices[0].message.content).toBe('abcdefgh');
  });

  test('that fails in a way that another target may mend is left to routing, with the request', async () => {
    const upstream = await startUpstream((_, response) => json(response, { error: { message: 'no' } }, 500));
    const w = await world(upstream.url);
    const { metrics } = await w.edge();
    const dispatch = await w.dispatch({}, { tried: ['a/b'], attempt: 2 });
    const [failed] = await w.until('AttemptFailed');
    expect(failed).toMatchObject({ id: derivedId(dispatch.id, 'edge-llm', 'attempt-failed') });
    expect(failed!.data).toMatchObject({
      attempt: 2,
      tried: ['a/b', target.id],
      retryable: true,
      targetAtFault: true,
      failure: { reason: 'UPSTREAM_ERROR', status: 500 },
    });
    expect(failed!.data.request?.id).toBe(dispatch.correlationId);
    await sleep(20);
    expect(w.types()).toEqual(['AttemptFailed']);
    expect(await metrics.registry.metrics()).toContain(
      'parley_attempts_failed_total{target="local/upstream-model",reason="UPSTREAM_ERROR"} 1',
    );
  });

  test('that the upstream refuses ends, and the attempt is told of without the request', async () => {
    const upstream = await startUpstream((_, response) => json(response, { error: { message: 'bad' } }, 400));
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch();
    const [failed] = await w.until('ResponseFailed');
    const [attempt] = await w.until('AttemptFailed');
    expect(failed!.data.failure).toMatchObject({ reason: 'REQUEST_REFUSED', status: 400 });
    expect(failed!.data.failure.body?.toString()).toBe('{"error":{"message":"bad"}}');
    expect(attempt!.data).toMatchObject({ retryable: false, targetAtFault: false, request: null, decision: null });
  });

  test('whose stream breaks off ends with what was used', async () => {
    const upstream = await startUpstream((_, response) =>
      stream(response, [data(chunk({ content: 'one two three' }))]),
    );
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ streaming: true, message: Buffer.from(JSON.stringify({ ...chat, stream: true })) });
    const [failed] = await w.until('ResponseFailed');
    expect(failed!.data).toMatchObject({
      chunks: 1,
      failure: { reason: 'CONNECTION_LOST' },
      meters: { output_tokens: 3 },
      estimated: true,
    });
  });

  test('that probes a target says when it was served', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({}, { probe: true });
    expect((await w.until('ProbeSucceeded'))[0]!.data.target).toEqual(target);
  });

  test.each([
    ['with a variable that is not set', { credential: reference('MISSING_KEY') }, {}, 'MISSING_KEY'],
    ['to a connection that is not configured', {}, { target: { ...target, connection: 'gone' } }, 'gone'],
  ])('%s is misconfigured, nobody is called, another target may be tried', async (_, connection, dispatched, named) => {
    const upstream = await startUpstream((_request, response) => json(response, completion('hi')));
    const w = await world(upstream.url, connection);
    await w.edge();
    await w.dispatch({}, dispatched);
    const [failed] = await w.until('AttemptFailed');
    expect(failed!.data).toMatchObject({ retryable: true, targetAtFault: false, failure: { reason: 'MISCONFIGURED' } });
    expect(failed!.data.failure.message).toContain(named);
    expect(upstream.received).toEqual([]);
  });

  test('of a protocol of another edge is not this one’s', async () => {
    const w = await world('http://127.0.0.1:1');
    await w.edge();
    await w.dispatch({ protocol: 'mcp.tools' });
    await sleep(30);
    expect(w.types()).toEqual([]);
  });

  test('that is not safe to repeat is marked begun before the call', async () => {
    const begun: string[] = [];
    let w: World | undefined;
    const upstream = await startUpstream((_, response) => {
      begun.push(...(w?.types() ?? []));
      json(response, completion('hi'));
    });
    w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ repeatable: false });
    await w.until('ResponseCompleted');
    expect(begun).toEqual(['AttemptBegun']);
  });

  test('of a conversation waits for the one before it; others do not', async () => {
    const first = gate();
    const upstream = await startUpstream(async (request, response) => {
      if (request.body.includes('slow')) await first.promise;
      json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    await w.edge();
    const slow = Buffer.from(JSON.stringify({ ...chat, messages: [{ role: 'user', content: 'slow' }] }));
    await w.dispatch({ contextId: 'one', message: slow });
    await w.dispatch({ contextId: 'one' });
    await w.dispatch({ contextId: 'two' });
    expect((await w.until('ResponseCompleted'))[0]!.key).toBe('two');
    expect(upstream.received).toHaveLength(2);
    first.resolve();
    await w.until('ResponseCompleted', 3);
  });
});

describe('nothing late is performed', () => {
  test('past the deadline', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ deadline: Date.now() - 1 });
    expect((await w.until('ResponseFailed'))[0]!.data.failure.reason).toBe('DEADLINE_EXCEEDED');
    expect(upstream.received).toEqual([]);
    expect(w.types()).toEqual(['ResponseFailed']);
  });

  test('a deadline ends the call', async () => {
    const upstream = await startUpstream(() => {});
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ deadline: Date.now() + 1_000 });
    expect((await w.until('ResponseFailed'))[0]!.data.failure.reason).toBe('DEADLINE_EXCEEDED');
    expect((await w.until('AttemptFailed'))[0]!.data.retryable).toBe(false);
  });

  test.each<[mesh.CancelReason, mesh.FailureReason]>([
    ['CLIENT_GONE', 'CANCELLED'],
    ['DEADLINE', 'DEADLINE_EXCEEDED'],
  ])('%s ends the call', async (reason, failure) => {
    const hungUp = gate();
    const upstream = await startUpstream((_, response) => {
      response.on('close', hungUp.resolve);
      stream(response, [data(chunk({ content: 'one two' }))], false);
    });
    const w = await world(upstream.url);
    await w.edge();
    const dispatch = await w.dispatch({
      streaming: true,
      message: Buffer.from(JSON.stringify({ ...chat, stream: true })),
    });
    await w.until('ResponseChunk');
    await w.state(dispatch, 'CancelRequested', { reason });
    await hungUp.promise;
    const [failed] = await w.until('ResponseFailed');
    expect(failed!.data).toMatchObject({
      failure: { reason: failure },
      chunks: 1,
      meters: { input_tokens: 5, output_tokens: 2 },
      estimated: true,
    });
  });

  test('a request that was cancelled before it was dispatched, or while it waited', async () => {
    const upstream = await startUpstream(() => {});
    const w = await world(upstream.url);
    const id = newId();
    await w.log.append([
      {
        id: newId(),
        type: 'CancelRequested',
        source: 'edge-llm',
        key: 'context-1',
        time: Date.now(),
        correlationId: id,
        causationId: '',
        traceparent: '',
        data: { reason: 'CLIENT_GONE' },
      },
    ]);
    await w.edge();
    await w.dispatch({ id });
    expect((await w.until('ResponseFailed'))[0]!.data.failure.reason).toBe('CANCELLED');
    const running = await w.dispatch();
    const waiting = await w.dispatch();
    await w.state(waiting, 'CancelRequested', { reason: 'CLIENT_GONE' });
    await sleep(20);
    await w.state(running, 'CancelRequested', { reason: 'CLIENT_GONE' });
    await w.until('ResponseFailed', 3);
    expect(upstream.received).toHaveLength(1);
  });
});

describe('after a crash', () => {
  const held = async (more: Partial<mesh.Request> = {}) => {
    const upstream = await startUpstream((request, response) => {
      if (request.body.includes('"stream":true')) stream(response, [data(chunk({ content: 'one two three' }))], false);
    });
    const w = await world(upstream.url);
    const edge = await w.edge({ graceMs: 0 });
    const dispatch = await w.dispatch(more);
    return { upstream, w, edge, dispatch };
  };

  test('a call that is safe to repeat is made again', async () => {
    const { upstream, w, edge } = await held();
    while (upstream.received.length === 0) await sleep(5);
    await edge.log.crash();
    await w.edge({ graceMs: 0 });
    while (upstream.received.length < 2) await sleep(5);
    expect(w.types()).toEqual([]);
  });

  test('a call that is not, and was begun, ends as unknown, without another', async () => {
    const { upstream, w, edge, dispatch } = await held({ repeatable: false });
    await w.until('AttemptBegun');
    while (upstream.received.length === 0) await sleep(5);
    await edge.log.crash();
    await w.edge({ graceMs: 0 });
    const [failed] = await w.until('ResponseFailed');
    expect(failed).toMatchObject({ id: derivedId(dispatch.correlationId, 'outcome') });
    expect(failed!.data).toMatchObject({ failure: { reason: 'OUTCOME_UNKNOWN' }, chunks: 0, meters: {} });
    expect(upstream.received).toHaveLength(1);
  });

  test('a stream whose client saw a part of it ends as unknown, with that part metered', async () => {
    const { upstream, w, edge } = await held({
      streaming: true,
      message: Buffer.from(JSON.stringify({ ...chat, stream: true })),
    });
    await w.until('ResponseChunk');
    await edge.log.crash();
    await w.edge({ graceMs: 0 });
    const [failed] = await w.until('ResponseFailed');
    expect(failed!.data).toMatchObject({
      failure: { reason: 'OUTCOME_UNKNOWN' },
      chunks: 1,
      meters: { input_tokens: 5, output_tokens: 3 },
      estimated: true,
    });
    expect(upstream.received).toHaveLength(1);
  });

  test('an attempt that had failed for good ends with that failure', async () => {
    const w = await world('http://127.0.0.1:1');
    const dispatch = await w.dispatch();
    const failure = {
      reason: 'REQUEST_REFUSED',
      message: 'no',
      status: 400,
      retryAfterMs: null,
      headers: {},
      body: null,
    } as const;
    await w.state(dispatch, 'AttemptFailed', {
      target,
      attempt: 1,
      tried: [target.id],
      failure: { ...failure },
      targetAtFault: false,
      retryable: false,
      request: null,
      decision: null,
      tool: '',
    });
    await w.edge();
    expect((await w.until('ResponseFailed'))[0]!.data.failure).toMatchObject(failure);
  });

  test('what was finished is not performed again, and neither is what is handed over twice', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const w = await world(upstream.url);
    const first = await w.edge();
    const dispatch = await w.dispatch();
    await w.until('ResponseCompleted');
    await w.log.append([dispatch]);
    await sleep(30);
    await first.log.crash();
    await w.edge();
    const later = await w.dispatch();
    while (!w.said.some((record) => record.causationId === later.id)) await sleep(5);
    expect(upstream.received).toHaveLength(2);
    expect(w.types()).toEqual(['ResponseCompleted', 'ResponseCompleted']);
  });
});

describe('the log', () => {
  test('not to be reached: an answer in hand waits for it, and the call is not made again', async () => {
    const w0 = gate();
    const upstream = await startUpstream(async (_, response) => {
      await w0.promise;
      json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch();
    while (upstream.received.length === 0) await sleep(5);
    w.cluster.unavailable = true;
    w0.resolve();
    await sleep(40);
    expect(w.types()).toEqual([]);
    w.cluster.unavailable = false;
    await w.until('ResponseCompleted');
    expect(upstream.received).toHaveLength(1);
  });

  test('holding a poisoned record: it is buried, the next is performed', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const w = await world(upstream.url);
    await w.edge();
    const good = await w.dispatch();
    await w.until('ResponseCompleted');
    const partition = w.log.partitionOf('context-1');
    const [stored] = w.cluster.all('mesh.dispatches');
    const headers = { ...stored!.headers, ce_id: Buffer.from(newId()) };
    w.cluster.put({
      topic: 'mesh.dispatches',
      partition,
      key: Buffer.from(good.key),
      value: Buffer.from('poison'),
      headers,
      time: Date.now(),
    });
    w.cluster.put({ topic: 'mesh.dispatches', partition, key: null, value: null, headers: {}, time: Date.now() });
    await w.dispatch();
    await w.until('ResponseCompleted', 2);
    expect(await w.until('EventDeadLettered', 2)).toHaveLength(2);
  });
});

describe('stopping', () => {
  test('lets calls in flight finish', async () => {
    const answered = gate();
    const upstream = await startUpstream(async (_, response) => {
      await answered.promise;
      json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    const edge = await w.edge();
    await w.dispatch();
    while (upstream.received.length === 0) await sleep(5);
    const stopped = edge.stop();
    await sleep(20);
    answered.resolve();
    await stopped;
    expect((await w.until('ResponseCompleted')).length).toBe(1);
  });

  test('leaves those that take too long to the next instance', async () => {
    let calls = 0;
    const hungUp = gate();
    const upstream = await startUpstream((_, response) => {
      calls += 1;
      if (calls === 1) response.on('close', hungUp.resolve);
      else json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    const edge = await w.edge({ graceMs: 30 });
    await w.dispatch();
    while (upstream.received.length === 0) await sleep(5);
    await edge.stop();
    await hungUp.promise;
    expect(w.types()).toEqual([]);
    await w.edge();
    await w.until('ResponseCompleted');
    expect(calls).toBe(2);
  });
});

describe('a partition', () => {
  /** Members of a memory group share by partition number: the first of two keeps the even ones. */
  const contextOn = (w: World, odd: boolean) =>
    Array.from({ length: 100 }, (_, i) => `context-${i}`).find((id) => w.log.partitionOf(id) % 2 === Number(odd))!;

  test('that is handed over again joins the call in flight', async () => {
    const answered = gate();
    const upstream = await startUpstream(async (_, response) => {
      await answered.promise;
      json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ contextId: contextOn(w, false) });
    while (upstream.received.length === 0) await sleep(5);
    const second = await w.edge();
    await second.stop();
    await sleep(400);
    answered.resolve();
    await w.until('ResponseCompleted');
    await sleep(20);
    expect(upstream.received).toHaveLength(1);
    expect(w.types()).toEqual(['ResponseCompleted']);
  });

  test('that may be another’s after a freeze: nothing is called or said until that is sure', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const { cluster, edge, dispatch, until } = await world(upstream.url);
    await edge();
    let doubts = 5;
    cluster.isSure = () => --doubts < 0;
    await dispatch();
    await until('ResponseCompleted');
    expect(doubts).toBeLessThan(0);
    expect(upstream.received).toHaveLength(1);
  });

  test('that may be another’s after a freeze: a call that is not safe to repeat is not made, and its end is not known', async () => {
    const upstream = await startUpstream((_, response) => json(response, completion('hi')));
    const { cluster, edge, dispatch, until } = await world(upstream.url);
    await edge();
    let doubted = false;
    // Sure when it says that it begins, and not when it is to call.
    cluster.isSure = () => {
      if (doubted || cluster.all('mesh.attempts').length === 0) return true;
      doubted = true;
      return false;
    };
    await dispatch({ repeatable: false });
    const [failed] = await until('ResponseFailed');
    expect(failed?.data.failure.reason).toBe('OUTCOME_UNKNOWN');
    expect(upstream.received).toHaveLength(0);
  });

  test('that went to another instance takes its calls along', async () => {
    const hungUp = gate();
    const upstream = await startUpstream((_, response) => {
      if (upstream.received.length === 1) response.on('close', hungUp.resolve);
      else json(response, completion('hi'));
    });
    const w = await world(upstream.url);
    await w.edge();
    await w.dispatch({ contextId: contextOn(w, true) });
    while (upstream.received.length === 0) await sleep(5);
    await w.edge();
    await hungUp.promise;
    await w.until('ResponseCompleted');
    await sleep(20);
    expect(upstream.received).toHaveLength(2);
    expect(w.types()).toEqual(['ResponseCompleted']);
  });
});
