import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Request, Span } from '../schemas/generated.ts';
import { happened } from '../services/runtime/given.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { eventJson } from './event-json.ts';
import { tell } from './timeline.ts';
import { createWholeRequests } from './whole-requests.ts';

process.env.TZ = 'UTC';
const FIRST = '{"messages":[{"role":"user","content":"What is the capital of France?"}]}';
const SECOND = FIRST.replace(']}', ',{"role":"user","content":"And of Spain?"}]}');
const OWN = ',{"role":"user","content":"And of Spain?"}]}';
const spans: Span[] = [
  { offset: 4, from: 0, length: FIRST.length - 2 },
  { offset: -1, from: 0, length: OWN.length },
];

const request = (id: string, body: string, stated: Pick<Request, 'message' | 'spans'>): Request => ({
  id,
  contextId: 'acme:c1',
  subject: {
    tenant: 'acme',
    unit: 'support',
    agent: 'bot',
    person: 'lead@acme.example',
    credential: 'key-1',
    actors: [],
  },
  action: 'model.chat',
  resource: { type: 'model', id: 'small' },
  protocol: 'openai.chat',
  deadline: 0,
  repeatable: true,
  streaming: false,
  fingerprint: hash('sha256', body, 'hex'),
  headers: {},
  taskId: '',
  parentTaskId: '',
  arguments: {},
  ...stated,
});
const at = (offset: number, event: AnyRecorded): AnyRecorded => ({
  ...event,
  offset,
  id: `e${offset}`,
  key: 'acme:c1',
});
const first = at(
  4,
  happened('RequestReceived', { request: request('r1', FIRST, { message: Buffer.from(FIRST), spans: [] }) }),
);
const asked = request('r2', SECOND, { message: Buffer.from(OWN), spans });
const second = at(5, happened('RequestReceived', { request: asked }));
const permitted = at(
  9,
  happened('RequestPermitted', {
    request: asked,
    decision: { configurationVersion: 'v1', policies: ['p'], reason: 'permitted' },
  }),
);
const messageIn = (event: AnyRecorded) => JSON.parse(eventJson(event)).data.request.message;

test('a request that refers to an earlier one is shown whole, and so are the events that carry it on', () => {
  const whole = createWholeRequests().of([second, permitted, first]);
  expect(whole.map(messageIn)).toEqual([SECOND, SECOND, FIRST]);
  expect(whole[0]).toMatchObject({ id: 'e5', offset: 5, type: 'RequestReceived', key: 'acme:c1' });
  expect(tell(whole).join('\n')).toContain('2 messages, user: “And of Spain?”');
});

test('what came before is at hand for what comes after', () => {
  const requests = createWholeRequests();
  requests.of([first]);
  expect(requests.of([second]).map(messageIn)).toEqual([SECOND]);
});

test('where an earlier part has expired, what is there is shown and called a part', () => {
  const whole = createWholeRequests().of([second]);
  expect(messageIn(whole[0]!)).toBe(OWN);
  expect(tell(whole).join('\n')).toContain('the rest is no longer in the log');
});
