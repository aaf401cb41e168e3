/** A client that sends its whole history with every turn: what of it is in the log, and what reaches the upstream. */

import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Request } from '../../schemas/generated.ts';
import type { TopicName } from '../../topics/index.ts';
import { contextForTests } from '../runtime/context-for-tests.ts';
import { RuntimeError } from '../runtime/errors.ts';
import { follow } from '../runtime/event.ts';
import type { Log } from '../runtime/log.ts';
import { createMemoryLog } from '../runtime/memory-log.ts';
import { createWorld, type Edge, KEY, type World } from './inbound/harness.ts';
import { defaultOutboundTimes, startOutbound } from './outbound/outbound.ts';
import {
  chunk,
  completion,
  connectionTo,
  data,
  json,
  requestOf,
  startUpstream,
  target,
} from './outbound/upstream-for-tests.ts';
import { createRecentMessages } from './recent-messages.ts';

const TOPICS: readonly TopicName[] = ['mesh.requests', 'mesh.decisions', 'mesh.dispatches'];

let world: World;
const undo: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  await world.close();
});

const sizeOf = (record: { value: Buffer | null }) => record.value?.length ?? 0;
const written = () => TOPICS.flatMap((topic) => world.cluster.all(topic)).reduce((sum, r) => sum + sizeOf(r), 0);
const decision = { configurationVersion: 'test', policies: ['all'], reason: 'allowed' };

const dispatchOf = (request: Request) => ({
  request,
  decision,
  target,
  attempt: 1,
  tried: [],
  probe: false,
  reason: '',
  configurationVersion: 'test',
});

/** An outbound edge of its own, which has seen nothing yet. */
const outboundEdge = async (url: string, wrap = (log: Log) => log, recent = createRecentMessages()) => {
  const log = await createMemoryLog(world.cluster);
  const edge = await startOutbound(
    contextForTests(wrap(log), {
      configuration: () => ({ ...world.configuration.current!, connections: [connectionTo(url)] }),
    }),
    { ...defaultOutboundTimes, graceMs: 100 },
    recent,
  );
  undo.push(() => log.crash(), edge.stop);
  return edge;
};

/** What stands in the way of policy and routing: each request is permitted and dispatched as it is. */
const permitAll = async () => {
  const log = await createMemoryLog(world.cluster);
  undo.push(() => log.crash());
  const requests: Request[] = [];
  world.behave(async ({ request }) => {
    requests.push(request);
    const cause = { id: request.id, key: request.contextId, correlationId: request.id, traceparent: '' };
    const permitted = follow('policy', cause, 'p', 'RequestPermitted', { request, decision }, Date.now());
    const dispatched = follow('routing', permitted, 'd', 'RequestDispatched', dispatchOf(request), Date.now());
    await log.append([permitted, dispatched]);
  });
  return requests;
};

const chatAt = async () => {
  const upstream = await startUpstream((_, response) => json(response, completion('hello')));
  const requests = await permitAll();
  return { ...upstream, requests };
};

const message = (role: string, i: number) => ({ role, content: `${role} ${i} says: ${'word '.repeat(100)}` });
/** The body of a turn: the first question, and then an answer and a question more each. */
const turn = (n: number) => {
  const history = Array.from({ length: n }, (_, i) => [message('user', i), message('assistant', i)]).flat();
  return JSON.stringify({ model: target.name, messages: history.slice(0, -1), temperature: 0.5 });
};

const post = ({ url }: Edge, body: string, conversation: string, signal?: AbortSignal) => {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const named = conversation === '' ? {} : { 'x-conversation-id': conversation };
  const to = `${url}/v1/chat/completions`;
  return fetch(to, { method: 'POST', body, headers: { ...headers, ...named }, ...(signal ? { signal } : {}) });
};
const ask = async (edge: Edge, body: string, conversation = 'long') => {
  const answer = await post(edge, body, conversation);
  return { status: answer.status, body: (await answer.json()) as { error?: { message: string } } };
};

describe('a chat whose client sends the whole history with every turn', () => {
  test('puts hardly more into the log in its 100th turn than in its 10th, and the upstream sees every body whole', async () => {
    const { url, received } = await chatAt();
    await outboundEdge(url);
    const edge = await world.edge();
    const bytes: number[] = [];
    for (let n = 1; n <= 100; n += 1) {
      const before = written();
      expect((await ask(edge, turn(n))).status).toBe(200);
      bytes.push(written() - before);
    }
    expect(received.map(({ body }) => body)).toEqual(Array.from({ length: 100 }, (_, i) => turn(i + 1)));
    expect(bytes[99]! / bytes[9]!).toBeLessThan(1.5);
    expect(bytes[99]!).toBeLessThan(turn(100).length / 10);
  });

  test('is stated whole again by an edge that does not know it, and grows with what is new from there', async () => {
    const { url, received, requests } = await chatAt();
    await outboundEdge(url);
    const first = await world.edge();
    for (const n of [1, 2, 3]) await ask(first, turn(n));
    await first.stop();
    const second = await world.edge();
    for (const n of [4, 5]) await ask(second, turn(n));
    expect(requests.map(({ spans }) => spans.length > 0)).toEqual([false, true, true, false, true]);
    expect(received.map(({ body }) => body)).toEqual([1, 2, 3, 4, 5].map(turn));
  });

  test('is put together by an outbound edge that has seen none of it', async () => {
    const { url, received } = await chatAt();
    const first = await outboundEdge(url);
    const edge = await world.edge();
    for (const n of [1, 2, 3]) await ask(edge, turn(n));
    await first.stop();
    let reads = 0;
    await outboundEdge(url, (log) => ({
      ...log,
      read: (...given) => {
        reads += 1;
        return log.read(...given);
      },
    }));
    await ask(edge, turn(4));
    expect(reads).toBe(3);
    await ask(edge, turn(5));
    // What was read once is at hand.
    expect(reads).toBe(4);
    expect(received.map(({ body }) => body)).toEqual([1, 2, 3, 4, 5].map(turn));
  });

  test('ends with an error where an earlier part has expired; the same request sent again is served', async () => {
    const { url, received, requests } = await chatAt();
    await outboundEdge(url);
    const edge = await world.edge();
    await ask(edge, turn(1));
    const [only] = world.cluster.all('mesh.requests');
    world.cluster.records('mesh.requests', only!.partition)[only!.offset] = { ...only!, value: null };
    const refused = await ask(edge, turn(2));
    expect(refused.status).toBe(502);
    expect(refused.body.error?.message).toContain('no longer in the log');
    expect((await ask(edge, turn(2))).status).toBe(200);
    expect((await ask(edge, turn(3))).status).toBe(200);
    expect(received.map(({ body }) => body)).toEqual([1, 2, 3].map(turn));
    expect(requests.map(({ spans }) => spans.length > 0)).toEqual([false, true, false, true]);
  });

  test('waits for a log that cannot be read for the moment', async () => {
    const { url, received } = await chatAt();
    let failures = 0;
    await outboundEdge(url, (log) => ({
      ...log,
      read: async (...given) => {
        if (failures++ < 2) throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'not now');
        return log.read(...given);
      },
    }));
    const edge = await world.edge();
    for (const n of [1, 2]) expect((await ask(edge, turn(n))).status).toBe(200);
    expect(failures).toBe(3);
    expect(received.map(({ body }) => body)).toEqual([1, 2].map(turn));
  });

  test('without a name is one of its own each time, and whole', async () => {
    const { url, requests } = await chatAt();
    await outboundEdge(url);
    const edge = await world.edge();
    for (const n of [1, 2]) await ask(edge, turn(n), '');
    expect(requests.map(({ spans }) => spans)).toEqual([[], []]);
  });
});

test('bytes at hand of a record that another has replaced are read again', async () => {
  const { url, received } = await chatAt();
  const recent = createRecentMessages();
  await outboundEdge(url, undefined, recent);
  const edge = await world.edge();
  await ask(edge, turn(1));
  const [first] = world.cluster.all('mesh.requests');
  recent.put(first!.partition, first!.offset, Buffer.alloc(2_000, 'another'));
  expect((await ask(edge, turn(2))).status).toBe(200);
  expect(received.map(({ body }) => body)).toEqual([1, 2].map(turn));
});

test('what was used of a stream that a crash cut off is counted by the whole body', async () => {
  const log = await createMemoryLog(world.cluster);
  undo.push(() => log.crash());
  const body = turn(5);
  const causeOf = (request: Request) => ({
    id: request.id,
    key: request.contextId,
    correlationId: request.id,
    traceparent: '',
  });
  const whole = requestOf(body, { id: 'whole', contextId: 'acme:c', fingerprint: hash('sha256', body, 'hex') });
  const received = follow('edge-llm', causeOf(whole), 'r', 'RequestReceived', { request: whole }, Date.now());
  const [offset] = await log.append([received]);
  const spans = [
    { offset: -1, from: 0, length: 1 },
    { offset: offset!, from: 1, length: body.length - 1 },
  ];
  for (const request of [whole, { ...whole, id: 'in spans', message: Buffer.from('{'), spans }]) {
    const dispatched = follow('routing', causeOf(request), 'd', 'RequestDispatched', dispatchOf(request), Date.now());
    const begun = follow('edge-llm', dispatched, 'b', 'AttemptBegun', { target, attempt: 1 }, Date.now());
    const payload = Buffer.from(data(chunk({ content: 'Hello' })));
    const said = follow('edge-llm', dispatched, 'c', 'ResponseChunk', { index: 0, attempt: 1, payload }, Date.now());
    await log.append([begun, said, dispatched]);
  }
  await outboundEdge('http://127.0.0.1:1/v1');
  const [one, two] = await world.until('mesh.responses', 'ResponseFailed', 2);
  expect(one!.data.failure.reason).toBe('OUTCOME_UNKNOWN');
  expect(one!.data.meters.input_tokens).toBeGreaterThan(500);
  expect(two!.data).toMatchObject({ failure: one!.data.failure, meters: one!.data.meters });
});

test('an attempt that another may follow hands the request on as it was stated, not whole', async () => {
  const { requests } = await chatAt();
  await outboundEdge('http://127.0.0.1:1/v1');
  const edge = await world.edge();
  for (const n of [1, 2]) {
    const gone = new AbortController();
    void post(edge, turn(n), 'long', gone.signal).catch(() => {});
    await expect.poll(() => world.cluster.all('mesh.attempts').length).toBe(n);
    gone.abort();
  }
  const [, second] = world.cluster.all('mesh.attempts');
  expect(requests[1]?.spans).not.toEqual([]);
  expect(sizeOf(second!)).toBeLessThan(turn(2).length);
  // Whose clients have gone without closing their connections.
  await edge.crash();
});
