import { describe, expect, it } from 'vitest';
import type { FailureReason } from '../../../schemas/generated.ts';
import type { AnswerEvent } from './events.ts';
import { failureOf } from './harness.ts';
import { makesNewCall as decide } from './idempotency-outcome.ts';

const event = (type: AnswerEvent['type'], data: object) => ({ type, data }) as AnswerEvent;
const makesNewCall = (of: AnswerEvent, repeatable: boolean, begun = true) => decide(of, repeatable, async () => begun);
const failed = (reason: FailureReason) => event('ResponseFailed', { failure: failureOf({ reason }) });

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
    const exhausted = event('RequestUnroutable', { attempts: 2, failure: failureOf({ reason }) });
    expect(await makesNewCall(exhausted, false)).toBe(false);
  });

  it('never after an answer, or a refusal of the request itself', async () => {
    expect(await makesNewCall(event('ResponseCompleted', {}), true)).toBe(false);
    expect(await makesNewCall(failed('REQUEST_REFUSED'), true)).toBe(false);
  });
});
