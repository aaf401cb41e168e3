import { describe, expect, it } from 'vitest';
import type { FailureReason } from '../../../schemas/generated.ts';
import type { AnyRecorded } from '../log.ts';
import { afterEarlier } from './idempotency-outcome.ts';

const event = (type: AnyRecorded['type'], data: object) => ({ type, data }) as AnyRecorded;
const makesNewCall = async (of: AnyRecorded, repeatable: boolean, begun = true) =>
  (await afterEarlier(of, repeatable, { begun: async () => begun, settled: async () => undefined })) === 'again';
const failureOf = (reason: FailureReason) => ({
  ...{ reason, message: 'It failed.', status: null, retryAfterMs: null, headers: {}, body: null },
});
const failed = (reason: FailureReason) => event('ResponseFailed', { failure: failureOf(reason) });

describe('a repeated idempotency key makes a new call', () => {
  it('after a refusal by the mesh', async () => {
    expect(await makesNewCall(event('RequestDenied', {}), false)).toBe(true);
    expect(await makesNewCall(event('RequestUnroutable', { attempts: 0, failure: null }), false)).toBe(true);
  });

  it.each(['CONNECT_FAILED', 'CONNECT_TIMEOUT', 'RATE_LIMITED', 'MISCONFIGURED'] as const)(
    'after %s',
    async (reason) => {
      expect(await makesNewCall(failed(reason), false)).toBe(true);
    },
  );

  it.each([
    'FIRST_BYTE_TIMEOUT',
    'IDLE_TIMEOUT',
    'CONNECTION_LOST',
    'BAD_RESPONSE',
    'UPSTREAM_ERROR',
    'RESPONSE_TOO_LARGE',
    'CANCELLED',
    'DEADLINE_EXCEEDED',
    'OUTCOME_UNKNOWN',
    'UNSPECIFIED',
  ] as const)('after %s only where that does no harm, or it was never begun', async (reason) => {
    expect(await makesNewCall(failed(reason), true)).toBe(true);
    expect(await makesNewCall(failed(reason), false)).toBe(false);
    expect(await makesNewCall(failed(reason), false, false)).toBe(true);
    const exhausted = event('RequestUnroutable', { attempts: 2, failure: failureOf(reason) });
    expect(await makesNewCall(exhausted, false)).toBe(false);
  });

  it('never after an answer, or a refusal of the request itself', async () => {
    expect(await makesNewCall(event('ResponseCompleted', {}), true)).toBe(false);
    expect(await makesNewCall(failed('REQUEST_REFUSED'), true)).toBe(false);
  });
});

describe('somebody found out', () => {
  const settled = (happened: boolean) => ({ requestId: 'r', happened, by: 'lead@acme.example', note: 'looked' });
  const becomes = (of: AnyRecorded, happened: boolean, begun = true, repeatable = false) =>
    afterEarlier(of, repeatable, { begun: async () => begun, settled: async () => settled(happened) });

  it('that it did not take effect: a new call is made', async () => {
    expect(await becomes(failed('OUTCOME_UNKNOWN'), false)).toBe('again');
  });

  it('that it did: that is told', async () => {
    expect(await becomes(failed('OUTCOME_UNKNOWN'), true)).toEqual(settled(true));
    const exhausted = event('RequestUnroutable', { attempts: 2, failure: failureOf('CONNECTION_LOST') });
    expect(await becomes(exhausted, true)).toEqual(settled(true));
  });

  it('what is known without it: it changes nothing', async () => {
    expect(await becomes(event('ResponseCompleted', {}), false)).toBe('told');
    expect(await becomes(failed('REQUEST_REFUSED'), false)).toBe('told');
    expect(await becomes(failed('OUTCOME_UNKNOWN'), true, false)).toBe('again');
    expect(await becomes(failed('OUTCOME_UNKNOWN'), true, true, true)).toBe('again');
  });
});
