import { describe, expect, test } from 'vitest';
import type * as mesh from '../../../schemas/generated.ts';
import { answerOf, answerOfDenial, answerOfFailure, answerOfUnroutable, edgeProblems, streamError } from './errors.ts';

const failure = (reason: mesh.FailureReason, more: Partial<mesh.Failure> = {}): mesh.Failure => ({
  reason,
  message: 'What happened.',
  status: null,
  retryAfterMs: null,
  headers: {},
  body: null,
  ...more,
});
const errorOf = ({ body }: { body: Buffer }) => JSON.parse(body.toString()).error;
const resource = { type: 'model', id: 'fast' };
const subject = { tenant: 't', unit: 'u', agent: 'a', person: 'p', credential: 'c', actors: [] };
const decision = { configurationVersion: '1', policies: [], reason: 'Not on Sundays.' };
const openaiError = Buffer.from(
  '{"error":{"message":"Bad image","type":"invalid_request_error","param":"messages","code":"x"},"extra":1}',
);

test.each<[mesh.DenialReason, number, string]>([
  ['RESOURCE_UNKNOWN', 404, 'model_not_found'],
  ['ACTION_UNSUPPORTED', 400, 'model_not_supported'],
  ['POLICY', 403, 'permission_denied'],
  ['NO_ACCOUNTABLE_PERSON', 403, 'no_accountable_person'],
  ['NOT_CONFIGURED', 503, 'not_configured'],
  ['UNSPECIFIED', 403, 'permission_denied'],
])('denied: %s is %i %s', (reason, status, code) => {
  const answer = answerOfDenial({ subject, action: 'model.chat', resource, reason, decision });
  expect(answer.status).toBe(status);
  expect(errorOf(answer)).toMatchObject({ code });
});

test('an unknown model and a policy speak for themselves', () => {
  const denied = (reason: mesh.DenialReason) => answerOfDenial({ subject, action: 'a', resource, reason, decision });
  expect(errorOf(denied('RESOURCE_UNKNOWN')).message).toBe(
    'The model `fast` does not exist or you do not have access to it.',
  );
  expect(errorOf(denied('POLICY')).message).toBe('Not on Sundays.');
});

describe('failures', () => {
  test.each<[mesh.FailureReason, number]>([
    ['CONNECT_FAILED', 502],
    ['CONNECT_TIMEOUT', 504],
    ['FIRST_BYTE_TIMEOUT', 504],
    ['IDLE_TIMEOUT', 504],
    ['CONNECTION_LOST', 502],
    ['BAD_RESPONSE', 502],
    ['RATE_LIMITED', 429],
    ['UPSTREAM_ERROR', 502],
    ['REQUEST_REFUSED', 400],
    ['RESPONSE_TOO_LARGE', 502],
    ['MISCONFIGURED', 502],
    ['CANCELLED', 499],
    ['DEADLINE_EXCEEDED', 504],
    ['OUTCOME_UNKNOWN', 502],
    ['UNSPECIFIED', 502],
  ])('%s is %i', (reason, status) => {
    const answer = answerOfFailure(failure(reason));
    expect(answer.status).toBe(status);
    expect(errorOf(answer)).toEqual({
      message: expect.any(String),
      type: expect.any(String),
      param: null,
      code: expect.any(String),
    });
  });

  test('what the upstream said in OpenAI’s form comes through byte for byte, with its status and headers', () => {
    for (const [reason, status] of [
      ['REQUEST_REFUSED', 422],
      ['UPSTREAM_ERROR', 503],
      ['RATE_LIMITED', 429],
    ] as const) {
      const headers = { 'x-ratelimit-remaining-requests': '0' };
      const answer = answerOfFailure(failure(reason, { status, body: openaiError, headers, retryAfterMs: 1_500 }));
      expect(answer).toMatchObject({ status, headers: { ...headers, 'retry-after': '2', 'retry-after-ms': '1500' } });
      expect(answer.body).toEqual(openaiError);
    }
  });

  test.each([
    ['{"detail":"no such field"}', 'no such field'],
    ['{"error":"model not loaded"}', 'model not loaded'],
    ['{"object":"error","message":"too long"}', 'too long'],
    ['<html>', ''],
  ])('what it said in another form, %s, is told in OpenAI’s', (body, said) => {
    const answer = answerOfFailure(failure('REQUEST_REFUSED', { status: 422, body: Buffer.from(body) }));
    expect(answer.status).toBe(422);
    expect(errorOf(answer).message).toBe(said ? `What happened. It said: ${said}` : 'What happened.');
  });

  test('between the mesh and its provider stays there', () => {
    const answer = answerOfFailure(
      failure('MISCONFIGURED', { status: 401, message: 'KEY is not set', body: openaiError }),
    );
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).not.toMatch(/Bad image|KEY/);
  });

  test('that must not be repeated says so to clients that repeat by themselves', () => {
    expect(answerOfFailure(failure('OUTCOME_UNKNOWN')).headers).toMatchObject({ 'x-should-retry': 'false' });
    expect(answerOf(edgeProblems.idempotencyMismatch())).toMatchObject({
      status: 409,
      headers: { 'x-should-retry': 'false' },
    });
    expect(answerOfFailure(failure('UPSTREAM_ERROR')).headers).not.toHaveProperty('x-should-retry');
  });
});

describe('unroutable', () => {
  const unroutable = (reason: mesh.UnroutableReason, last: mesh.Failure | null = null) =>
    answerOfUnroutable({
      subject,
      action: 'a',
      resource,
      reason,
      attempts: 1,
      failure: last,
      configurationVersion: '1',
    });
  test('is what the last attempt came to, where there was one', () => {
    const last = failure('REQUEST_REFUSED', { status: 400, body: openaiError });
    expect(unroutable('ATTEMPTS_EXHAUSTED', last)).toMatchObject({ status: 400, body: openaiError });
    expect(unroutable('ATTEMPTS_EXHAUSTED').status).toBe(503);
  });
  test('open breakers are a 503 that says when', () => {
    expect(unroutable('BREAKERS_OPEN')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });
  test('no target, no time', () => {
    expect(unroutable('NO_TARGET').status).toBe(503);
    expect(unroutable('DEADLINE_EXCEEDED', failure('CONNECT_FAILED')).status).toBe(504);
  });
});

test.each([
  [edgeProblems.noKey(), 401, 'invalid_api_key'],
  [edgeProblems.wrongKey(), 401, 'invalid_api_key'],
  [edgeProblems.revokedKey(), 401, 'invalid_api_key'],
  [edgeProblems.bodyTooLarge(10), 413, 'request_too_large'],
  [edgeProblems.headersTooLarge(), 431, 'headers_too_large'],
  [edgeProblems.unsupportedMediaType('text/plain'), 415, 'unsupported_media_type'],
  [edgeProblems.notFound('GET', '/v1/nope'), 404, 'unknown_url'],
  [edgeProblems.methodNotAllowed('GET', '/v1/responses'), 405, 'method_not_supported'],
  [edgeProblems.clientTimeout(), 408, 'request_timeout'],
])('the edge’s own: %j', (problem, status, code) => {
  const answer = answerOf(problem);
  expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } });
  expect(Object.keys(errorOf(answer))).toEqual(['message', 'type', 'param', 'code']);
  expect(errorOf(answer).code).toBe(code);
});

test('what passes says when to come again', () => {
  expect(answerOf(edgeProblems.logUnavailable()).headers).toMatchObject({ 'retry-after': '2' });
  expect(answerOf(edgeProblems.tooManyInFlight(10)).headers).toMatchObject({
    'retry-after': '1',
    'retry-after-ms': '10',
  });
});

test('an error in a stream is an event that the protocol knows', () => {
  const answer = answerOf(edgeProblems.internal());
  expect(streamError(answer, 'openai.chat').toString()).toBe(`data: ${answer.body.toString()}\n\n`);
  const text = streamError(answer, 'openai.responses', 4).toString();
  expect(text).toMatch(/^event: error\ndata: /);
  expect(JSON.parse(text.split('data: ')[1]!)).toMatchObject({
    type: 'error',
    sequence_number: 4,
    code: 'internal_error',
    error: { code: 'internal_error' },
  });
});
