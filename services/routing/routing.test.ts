import { describe, expect, test } from 'vitest';
import type { EventData } from '../../topics/index.ts';
import { type Configuration, noAgents } from '../runtime/configuration.ts';
import { given, happened } from '../runtime/given.ts';
import type { Processor } from '../runtime/processor.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';
import {
  decide,
  evolve,
  initialState,
  type RoutingInput,
  type RoutingOutput,
  type RoutingState,
  reads,
} from './routing.ts';

const routing: Processor<RoutingState, RoutingInput, RoutingOutput> = {
  name: 'routing',
  reads,
  follows: [],
  writes: [],
  initialState,
  evolve,
  decide,
};

const target = (id: string, tier = 0, weight = 1) => ({ id, connection: 'c', name: id, tier, weight });

const configured = (targets: ReturnType<typeof target>[], type = 'model', id = 'm') => {
  const document: Omit<Configuration, 'version'> = {
    credentials: [],
    resources: [{ type, id, actions: ['act'], targets, attributes: {} }],
    connections: [],
    ...noAgents,
    currency: 'USD',
    prices: [],
    limits: { requestsInFlight: 1, requestsInFlightPerCredential: 1, bodyBytes: 1, deadlineMs: 1, maxDeadlineMs: 1 },
    routing: { maxAttempts: 3, breaker: { failures: 3, openMs: 1_000 } },
    policies: [],
  };
  return happened(
    'MeshConfigured',
    { version: 'v1', previousVersion: null, document: JSON.stringify(document) },
    { time: 0 },
  );
};

const request = requestForTests({
  id: 'r',
  contextId: 'c',
  subject: { tenant: 't', unit: 'u', agent: 'a', person: 'p@example.com', credential: 'k', actors: [] },
  action: 'act',
  resource: { type: 'model', id: 'm' },
  protocol: 'any',
  deadline: 1_000_000,
  repeatable: true,
  message: Buffer.from('x'),
});
const decision = { configurationVersion: 'v1', policies: ['p'], reason: 'because' };

const permitted = (time: number, changes: Partial<typeof request> = {}) =>
  happened('RequestPermitted', { request: { ...request, ...changes }, decision }, { time });

const failed = (id: string, time: number, changes: Partial<EventData['AttemptFailed']> = {}) =>
  happened(
    'AttemptFailed',
    {
      target: { id, connection: 'c', name: id },
      attempt: 1,
      tried: [id],
      failure: {
        reason: 'UPSTREAM_ERROR',
        message: 'it said 500',
        status: 500,
        retryAfterMs: null,
        headers: {},
        body: null,
      },
      targetAtFault: true,
      retryable: true,
      request,
      decision,
      tool: '',
      ...changes,
    },
    { time },
  );

const open = (id: string, time: number, until: number) =>
  happened('BreakerOpened', { target: id, reason: 'r', failures: 3, until }, { time });

const routed = (statements: readonly { type: string; data: unknown }[]) => {
  const last = statements.at(-1) as {
    type: string;
    data: EventData['RequestDispatched'] & EventData['RequestUnroutable'];
  };
  return last.type === 'RequestDispatched' ? last.data.target.id : last.data.reason;
};

describe('the choice of a target', () => {
  test('follows from the request, and in all keeps to the weights', () => {
    const given2 = [configured([target('heavy', 0, 3), target('light', 0, 1)])];
    const pick = (id: string) => routed(given(routing, given2).when(permitted(1, { id })).statements);
    const picks = Array.from({ length: 400 }, (_, i) => pick(`r${i}`));
    expect(picks).toEqual(Array.from({ length: 400 }, (_, i) => pick(`r${i}`)));
    expect(picks.filter((p) => p === 'heavy').length / 400).toBeCloseTo(0.75, 1);
  });

  test('carries the request, its decision and the reason forward', () => {
    given(routing, [configured([target('a')])])
      .when(permitted(1))
      .then([
        {
          type: 'RequestDispatched',
          index: 'route',
          data: {
            request,
            decision,
            target: { id: 'a', connection: 'c', name: 'a' },
            attempt: 1,
            tried: [],
            probe: false,
            reason: 'weight 1 in tier 0, 1 available',
            configurationVersion: 'v1',
          },
        },
      ]);
  });

  test.each([
    ['there is no configuration', [], permitted(1), 'NO_TARGET'],
    ['the resource has no target', [configured([])], permitted(1), 'NO_TARGET'],
    ['the deadline has passed', [configured([target('a')])], permitted(1_000_001), 'DEADLINE_EXCEEDED'],
    ['every breaker is open', [configured([target('a')]), open('a', 5, 900)], permitted(10), 'BREAKERS_OPEN'],
  ])('is none when %s', (_, past, event, reason) => {
    expect(routed(given(routing, past).when(event).statements)).toBe(reason);
  });
});

describe('after a failed attempt', () => {
  const two = configured([target('a'), target('b', 1)]);

  test('the request goes to the fallback, with the reason on record', () => {
    const { statements } = given(routing, [two]).when(failed('a', 10));
    expect(routed(statements)).toBe('b');
    expect(statements[0]!.data).toMatchObject({
      attempt: 2,
      tried: ['a'],
      reason: 'failover after a failed (UPSTREAM_ERROR 500); weight 1 in tier 1, 1 available',
    });
  });

  test('a lone target is tried again, up to the limit', () => {
    const one = configured([target('a')]);
    expect(routed(given(routing, [one]).when(failed('a', 10)).statements)).toBe('a');
    const third = failed('a', 10, { attempt: 3, tried: ['a', 'a', 'a'] });
    const { statements } = given(routing, [one]).when(third);
    expect(statements[0]).toMatchObject({
      type: 'RequestUnroutable',
      data: { reason: 'ATTEMPTS_EXHAUSTED', attempts: 3, failure: { status: 500 } },
    });
  });

  test('a lone target that asked for patience is not asked again', () => {
    const limited = failed('a', 10, {
      targetAtFault: false,
      failure: {
        reason: 'RATE_LIMITED',
        message: 'slow down',
        status: 429,
        retryAfterMs: 2_000,
        headers: {},
        body: null,
      },
    });
    expect(routed(given(routing, [configured([target('a')])]).when(limited).statements)).toBe('ATTEMPTS_EXHAUSTED');
  });

  test('one that may not be repeated is only judged', () => {
    const { statements } = given(routing, [two]).when(
      failed('a', 10, { retryable: false, request: null, decision: null }),
    );
    expect(statements).toEqual([]);
  });
});

describe('a breaker', () => {
  const two = configured([target('a'), target('b', 1)]);

  test('opens on the failure that makes enough, says why, and the request goes elsewhere', () => {
    const { statements } = given(routing, [two, failed('a', 10), failed('a', 11)]).when(failed('a', 12));
    expect(statements[0]).toEqual({
      type: 'BreakerOpened',
      index: 'breaker',
      key: 'a',
      data: {
        target: 'a',
        reason: '3 recent calls failed, the last with UPSTREAM_ERROR: it said 500',
        until: 1_012,
        failures: 3,
      },
    });
    expect(routed(statements)).toBe('b');
  });

  test('stays closed while most calls succeed', () => {
    const dispatched = (time: number) =>
      happened(
        'RequestDispatched',
        {
          request,
          decision,
          target: { id: 'a', connection: 'c', name: 'a' },
          attempt: 1,
          tried: [],
          probe: false,
          reason: '',
          configurationVersion: '',
        },
        { time },
      );
    const calls = Array.from({ length: 20 }, (_, i) => dispatched(i));
    const { statements } = given(routing, [two, ...calls, failed('a', 30), failed('a', 31)]).when(failed('a', 32));
    expect(statements.map((s) => s.type)).toEqual(['RequestDispatched']);
  });

  test('counts only what is recent', () => {
    const { statements } = given(routing, [two, failed('a', 10), failed('a', 11)]).when(failed('a', 100_000));
    expect(statements.map((s) => s.type)).toEqual(['RequestDispatched']);
  });

  test('when its time is over lets one call test the target, and only one', () => {
    const past = [two, open('a', 5, 100)];
    const probe = given(routing, past).when(permitted(101)).statements[0]!;
    expect(probe.data).toMatchObject({ target: { id: 'a' }, probe: true });
    const begun = happened('RequestDispatched', probe.data as EventData['RequestDispatched'], { time: 101 });
    expect(routed(given(routing, [...past, begun]).when(permitted(102, { id: 'r2' })).statements)).toBe('b');
    // Its dispatch did not become durable, and it is decided on again.
    const again = given(routing, [...past, begun]).when(permitted(101)).statements[0]!;
    expect(again.data).toMatchObject({ target: { id: 'a' }, probe: true });
  });

  const probed = happened(
    'RequestDispatched',
    {
      request,
      decision,
      target: { id: 'a', connection: 'c', name: 'a' },
      attempt: 1,
      tried: [],
      probe: true,
      reason: '',
      configurationVersion: '',
    },
    { time: 105 },
  );

  test('closes when the test succeeds, and opens for longer when it fails', () => {
    const past = [two, open('a', 5, 100), probed];
    const served = happened(
      'ProbeSucceeded',
      { target: { id: 'a', connection: 'c', name: 'a' }, tool: '' },
      { time: 110 },
    );
    given(routing, past)
      .when(served)
      .then([{ type: 'BreakerClosed', index: 'breaker', key: 'a', data: { target: 'a', reason: 'it served a call' } }]);
    const { statements } = given(routing, past).when(failed('a', 110));
    expect(statements[0]).toMatchObject({ type: 'BreakerOpened', data: { until: 2_110 } });
  });

  test('is not opened again by a call from before, that fails late', () => {
    const { statements } = given(routing, [two, open('a', 5, 100)]).when(failed('a', 110));
    expect(statements.map((s) => s.type)).toEqual(['RequestDispatched']);
  });

  const ended = (reason: 'REQUEST_REFUSED' | 'CANCELLED' | 'RATE_LIMITED', status: number | null = null) =>
    failed('a', 110, {
      targetAtFault: false,
      retryable: false,
      failure: { reason, message: '', status, retryAfterMs: null, headers: {}, body: null },
    });

  test('closes when the target answers, were it with a refusal', () => {
    const { statements } = given(routing, [two, open('a', 5, 100), probed]).when(ended('REQUEST_REFUSED'));
    expect(statements[0]).toMatchObject({ type: 'BreakerClosed' });
  });

  test('closes when the target asks for patience, and stays open when it is the mesh that lets no call through', () => {
    const past = [two, open('a', 5, 100), probed];
    expect(given(routing, past).when(ended('RATE_LIMITED', 429)).statements[0]).toMatchObject({
      type: 'BreakerClosed',
    });
    given(routing, past).when(ended('RATE_LIMITED')).then([]);
  });

  test('stays open when a client hangs up on a target that hangs', () => {
    given(routing, [two, open('a', 5, 100), probed])
      .when(ended('CANCELLED'))
      .then([]);
  });

  test('opens for no longer because several calls failed before the opening was heard of', () => {
    const burst = [open('a', 10, 1_010), open('a', 11, 1_011), open('a', 12, 1_012)];
    const again = { ...probed, time: 1_020 };
    const { statements } = given(routing, [two, ...burst, again]).when(failed('a', 1_030));
    expect(statements[0]).toMatchObject({ type: 'BreakerOpened', data: { until: 1_030 + 2 * 1_000 } });
  });

  test('counts a failure once that is delivered again', () => {
    const [first, second, third] = [failed('a', 10), failed('a', 11), failed('a', 12)] as const;
    const opens = (...past: ReturnType<typeof failed>[]) =>
      given(routing, [two, ...past])
        .when(past.at(-1)!)
        .statements.some(({ type }) => type === 'BreakerOpened');
    expect(opens(first, second)).toBe(false);
    expect(opens(first, first, second)).toBe(false);
    expect(opens(first, second, third)).toBe(true);
  });

  test('counts a call once that is stated again', () => {
    const call = { ...probed, data: { ...probed.data, probe: false } };
    const calls = Array.from({ length: 20 }, () => call);
    const { statements } = given(routing, [two, ...calls, failed('a', 106), failed('a', 107)]).when(failed('a', 108));
    expect(statements[0]).toMatchObject({ type: 'BreakerOpened' });
  });

  test('folds to the same whatever is delivered twice or late', () => {
    const shut = happened('BreakerClosed', { target: 'a', reason: '' }, { time: 50 });
    const opening = open('a', 5, 900);
    expect(routed(given(routing, [two, opening, shut, opening]).when(permitted(60)).statements)).toBe('a');
  });
});

describe('a server with tools', () => {
  const two = configured([target('mcp/files'), target('mcp/twin', 1)], 'server', 'files');
  const asking = (tool: string, id: string) => ({ ...request, id, resource: { type: 'tool', id: `files/${tool}` } });
  const called = (time: number, tool: string) => permitted(time, asking(tool, `${tool}-${time}`));
  const timedOut = (time: number, tool: string, id = 'mcp/files') =>
    failed(id, time, { tool, request: asking(tool, `${tool}-${time}`) });
  const slow = [timedOut(10, 'slow'), timedOut(11, 'slow'), timedOut(12, 'slow')];
  const opening = (event: ReturnType<typeof failed>, past: ReturnType<typeof failed>[]) =>
    given(routing, [two, ...past])
      .when(event)
      .statements.filter(({ type }) => type === 'BreakerOpened');
  const openTool = open('mcp/files/slow', 12, 1_012);

  test('is not held back for one of them that fails, which is', () => {
    expect(opening(slow[2]!, slow.slice(0, 2))).toMatchObject([
      { key: 'mcp/files/slow', data: { target: 'mcp/files/slow', failures: 3 } },
    ]);
    const past = [two, ...slow, openTool];
    expect(routed(given(routing, past).when(called(20, 'slow')).statements)).toBe('mcp/twin');
    expect(routed(given(routing, past).when(called(20, 'fast')).statements)).toBe('mcp/files');
  });

  test('is held back with all of them where it can’t be reached', () => {
    const unreached = [10, 11, 12].map((time) => failed('mcp/files', time, { request: asking('fast', 'r') }));
    expect(opening(unreached[2]!, unreached.slice(0, 2))).toMatchObject([{ key: 'mcp/files' }]);
    const past = [two, open('mcp/files', 12, 1_012)];
    expect(routed(given(routing, past).when(called(20, 'slow')).statements)).toBe('mcp/twin');
  });

  const probe = (past: (typeof two | typeof openTool)[], tool: string) => {
    const { data } = given(routing, past).when(called(1_020, tool)).statements[0]!;
    return happened('RequestDispatched', data as EventData['RequestDispatched'], { time: 1_020 });
  };
  const served = (tool: string) =>
    happened('ProbeSucceeded', { target: { id: 'mcp/files', connection: 'c', name: 'files' }, tool }, { time: 1_030 });
  const closing = (past: Parameters<typeof given>[1], tool: string) =>
    given(routing, past as never)
      .when(served(tool))
      .statements.map(({ type, key }) => `${type} ${key}`);

  test('has its tool tested by a call of that tool, which closes its breaker', () => {
    const past = [two, openTool];
    const testing = probe(past, 'slow');
    expect(testing.data).toMatchObject({ target: { id: 'mcp/files' }, probe: true });
    expect(probe(past, 'fast').data).toMatchObject({ target: { id: 'mcp/files' }, probe: false });
    expect(closing([...past, testing] as never, 'slow')).toEqual(['BreakerClosed mcp/files/slow']);
  });

  test('is tested by a call of any tool, and with it that tool where it is held back too', () => {
    const past = [two, openTool, open('mcp/files', 12, 1_012)];
    expect(closing([...past, probe(past, 'fast')] as never, 'fast')).toEqual(['BreakerClosed mcp/files']);
    expect(closing([...past, probe(past, 'slow')] as never, 'slow')).toEqual([
      'BreakerClosed mcp/files',
      'BreakerClosed mcp/files/slow',
    ]);
  });

  test('that fails the test of its tool has that one held back for longer', () => {
    const past = [two, openTool];
    const { statements } = given(routing, [...past, probe(past, 'slow')]).when(timedOut(1_040, 'slow'));
    expect(statements[0]).toMatchObject({ type: 'BreakerOpened', key: 'mcp/files/slow', data: { until: 3_040 } });
  });
});
