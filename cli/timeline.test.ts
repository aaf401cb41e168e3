import { expect, test } from 'vitest';
import { happened } from '../services/runtime/given.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { requestForTests } from '../services/runtime/request-for-tests.ts';
import { toolRequest } from './effects/requests-for-tests.ts';
import { inOrder, Timeline, tell } from './timeline.ts';

process.env.TZ = 'UTC';
const BEGUN = Date.parse('2026-11-21T15:06:33.120Z');

const subject = {
  tenant: 'acme',
  unit: 'support',
  agent: 'bot',
  person: 'lead@acme.example',
  credential: 'key-1',
  actors: [],
};
const resource = { type: 'model', id: 'small' };
const attribution = { subject, action: 'model.chat', resource };
const target = (connection: string) => ({ id: `${connection}/small`, connection, name: 'small' });
const decision = {
  configurationVersion: 'v1',
  policies: ['support-may-chat'],
  reason: 'permitted by support-may-chat',
};
const overloaded = {
  reason: 'UPSTREAM_ERROR' as const,
  message: 'overloaded',
  status: 503,
  retryAfterMs: 2_000,
  headers: {},
  body: null,
};

const request = (id: string) =>
  requestForTests({
    id,
    contextId: 'acme:c1',
    ...attribution,
    deadline: 0,
    repeatable: true,
    streaming: true,
    message: Buffer.from('{"messages":[{"role":"user","content":"What is the capital of France?"}]}'),
  });

/** The events of one request, each caused by the one before. */
const chain = (id: string, since: number) => {
  let cause = '';
  return <T extends AnyRecorded>(after: number, event: T): T => {
    const said = {
      ...event,
      time: since + after,
      correlationId: id,
      causationId: cause,
      key: 'acme:c1',
      id: `${id}-${event.id}`,
    };
    cause = said.id;
    return said;
  };
};

const dispatched = (attempt: number, connection: string, tried: string[]) =>
  happened('RequestDispatched', {
    request: request('r1'),
    decision,
    target: target(connection),
    attempt,
    tried,
    probe: false,
    reason: attempt === 1 ? 'weight 3 of 4' : 'the next tier',
    configurationVersion: 'v1',
  });

const servedAtTheSecondAttempt = (): AnyRecorded[] => {
  const at = chain('r1', BEGUN);
  const chunk = (index: number) => happened('ResponseChunk', { index, attempt: 2, payload: Buffer.from('x') });
  return [
    at(0, happened('RequestReceived', { request: request('r1') })),
    at(3, happened('RequestPermitted', { request: request('r1'), decision })),
    at(6, dispatched(1, 'openai', [])),
    at(
      950,
      happened('AttemptFailed', {
        target: target('openai'),
        attempt: 1,
        tried: ['openai/small'],
        failure: overloaded,
        targetAtFault: true,
        retryable: true,
        request: request('r1'),
        decision,
        tool: '',
      }),
    ),
    at(951, dispatched(2, 'azure', ['openai/small'])),
    at(1_210, chunk(0)),
    at(1_400, chunk(1)),
    at(
      2_310,
      happened('ResponseCompleted', {
        ...attribution,
        target: target('azure'),
        attempt: 2,
        status: 200,
        headers: {},
        message: Buffer.from('{"choices":[{"message":{"role":"assistant","content":"Paris."}}]}'),
        chunks: 2,
        meters: { input_tokens: 12, output_tokens: 3 },
        estimated: false,
        startedAt: BEGUN + 955,
        firstByteAt: BEGUN + 1_205,
      }),
    ),
    at(
      2_315,
      happened('UsageRecorded', {
        ...attribution,
        target: target('azure'),
        meters: { input_tokens: 12, output_tokens: 3 },
        estimated: false,
        costNanos: 123_000,
        currency: 'USD',
        priced: true,
        configurationVersion: 'v1',
      }),
    ),
  ];
};

const denied = (): AnyRecorded[] => {
  const at = chain('r2', BEGUN + 60_000);
  return [
    at(0, happened('RequestReceived', { request: request('r2') })),
    at(
      2,
      happened('RequestDenied', {
        ...attribution,
        reason: 'POLICY',
        decision: { ...decision, policies: [], reason: 'no policy permits it' },
      }),
    ),
  ];
};

test('a timeline tells who asked what, why it was permitted, who served it, what came back, and how long all of it took', () => {
  const timeline = new Timeline();
  const lines = [...tell([...servedAtTheSecondAttempt(), ...denied()], timeline), ...timeline.summary()];
  expect(lines.join('\n')).toBe(`
#1  15:06:33.120  model.chat small, asked by bot for lead@acme.example (support, acme; key-1)
       +0 ms  received        openai.chat, to be streamed, 1 message, user: “What is the capital of France?” (73 B)
       +3 ms  permitted       permitted by support-may-chat, under configuration v1
       +6 ms  dispatched      attempt 1 at openai/small: weight 3 of 4
     +950 ms  attempt failed  attempt 1 at openai/small: UPSTREAM_ERROR 503: overloaded, retry after 2.00 s
     +951 ms  dispatched      attempt 2 at azure/small: the next tier
     +1.21 s  streaming       the first of the answer is on its way
     +2.31 s  completed       200 from azure/small, first byte after 250 ms, 2 chunks, “Paris.” (65 B)
     +2.31 s  used            12 input_tokens, 3 output_tokens, 0.000123 USD by the prices of v1

#2  15:07:33.120  model.chat small, asked by bot for lead@acme.example (support, acme; key-1)
       +0 ms  received        openai.chat, to be streamed, 1 message, user: “What is the capital of France?” (73 B)
       +2 ms  denied          POLICY: no policy permits it, under configuration v1

2 requests (1 served, 1 denied) in 1 min 0 s, from 2026-11-21 15:06:33.120 on
12 input_tokens, 3 output_tokens, 0.000123 USD`);
});

test('causes come before what they caused whatever the clocks say, and nothing comes twice', () => {
  const events = servedAtTheSecondAttempt();
  const late = events.map((event) =>
    event.type === 'RequestReceived' ? { ...event, time: event.time + 10_000 } : event,
  );
  const ids = events.map((event) => event.id);
  expect(inOrder([...late.toReversed(), ...late]).map((event) => event.id)).toEqual(ids);
});

test('events that name each other as causes are told all the same', () => {
  const [a, b] = [
    happened('CancelRequested', { reason: 'CLIENT_GONE' }),
    happened('CancelRequested', { reason: 'DEADLINE' }),
  ];
  expect(
    inOrder([
      { ...a, causationId: b.id },
      { ...b, causationId: a.id },
    ]),
  ).toHaveLength(2);
});

test('live, a line says whose it is when another request came between', () => {
  const timeline = new Timeline();
  const [received, permitted] = servedAtTheSecondAttempt();
  const [other] = denied();
  const lines = [received!, other!, permitted!].flatMap((event) => timeline.add(event));
  expect(lines.filter((line) => line.startsWith('#'))).toEqual([
    expect.stringMatching(/^#1 .*asked by bot/),
    expect.stringMatching(/^#2 .*asked by bot/),
    '#1  15:06:33.120  request r1',
  ]);
});

test('what cannot be read is told as such, and nothing in it reaches the terminal as it is', () => {
  const broken = {
    ...happened('RequestDenied', undefined as never),
    get data(): never {
      throw new Error('not a RequestDenied: \u001b[2Jgone');
    },
  };
  const unknown = {
    ...happened('CancelRequested', { reason: 'CLIENT_GONE' }),
    type: 'RequestBlessed',
  } as unknown as AnyRecorded;
  const text = tell([broken as AnyRecorded, unknown]).join('\n');
  expect(text).toContain('unreadable');
  expect(text).toContain('this version does not know RequestBlessed');
  expect(text).not.toContain('\u001b');
});

test('a call of a tool is told with what it was given, what its server says and asks meanwhile, and what it answers', () => {
  const at = chain('request', BEGUN);
  const chunk = (index: number, said: object) =>
    happened('ResponseChunk', { index, attempt: 1, payload: Buffer.from(JSON.stringify(said)) });
  const progress = { method: 'notifications/progress', params: { progress: 1, progressToken: 1 } };
  const asked = { id: '1-1', method: 'elicitation/create', params: { message: 'Who?', requestedSchema: {} } };
  const accepted = { result: { action: 'accept', content: { name: 'Ada' } } };
  const lines = tell(
    [
      at(0, happened('RequestReceived', { request: toolRequest('greet', { loud: true }) })),
      at(10, chunk(0, progress)),
      at(20, chunk(1, progress)),
      at(30, chunk(2, asked)),
      at(40, happened('InputProvided', { inputId: '1-1', payload: Buffer.from(JSON.stringify(accepted)) })),
    ],
    new Timeline(),
  );
  expect(lines.slice(2)).toEqual([
    '       +0 ms  received        mcp, to be streamed, greet({"loud":true}) (86 B)',
    '      +10 ms  streaming       the first of the answer is on its way',
    '      +30 ms  meanwhile       asks “Who?” (91 B)',
    '      +40 ms  answered        1-1, accept {"name":"Ada"} (55 B)',
  ]);
});
