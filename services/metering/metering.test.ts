import { describe, expect, test } from 'vitest';
import type { ResponseCompleted, ResponseFailed, UsageRecorded } from '../../schemas/generated.ts';
import { given, happened } from '../runtime/given.ts';
import { createMetrics } from '../runtime/metrics.ts';
import type { Folded } from '../runtime/processor.ts';
import { meteringProcessor } from './metering.ts';

const configured = (prices: { of: string; nanosPer: Record<string, number> }[], version = 'v1') =>
  happened('MeshConfigured', {
    version,
    previousVersion: null,
    document: JSON.stringify({
      credentials: [],
      resources: [],
      connections: [],
      currency: 'EUR',
      prices,
      limits: { requestsInFlight: 1, requestsInFlightPerCredential: 1, bodyBytes: 1, deadlineMs: 1, maxDeadlineMs: 1 },
      routing: { maxAttempts: 1, breaker: { failures: 1, openMs: 1 } },
      policies: [],
    }),
  });

const attribution = {
  subject: { tenant: 'acme', unit: 'support', agent: 'bot', person: 'lead', credential: 'k1', actors: [] },
  action: 'model.chat',
  resource: { type: 'model', id: 'small' },
  target: { id: 'openai/small', connection: 'openai', name: 'small' },
};

const completed = (meters: Record<string, number>, more: Partial<ResponseCompleted> = {}) =>
  happened('ResponseCompleted', {
    ...attribution,
    attempt: 1,
    status: 200,
    headers: {},
    message: Buffer.from('{}'),
    chunks: 0,
    meters,
    estimated: false,
    startedAt: 1,
    firstByteAt: 2,
    ...more,
  });

const failed = (meters: Record<string, number>, more: Partial<ResponseFailed> = {}) =>
  happened('ResponseFailed', {
    ...attribution,
    attempt: 1,
    failure: { reason: 'CONNECTION_LOST', message: 'lost', status: null, retryAfterMs: null, headers: {}, body: null },
    chunks: 3,
    meters,
    estimated: true,
    ...more,
  });

const usage = (data: Partial<UsageRecorded> & Pick<UsageRecorded, 'meters'>) => [
  {
    type: 'UsageRecorded' as const,
    data: {
      ...attribution,
      estimated: false,
      costNanos: 0,
      currency: 'EUR',
      priced: true,
      configurationVersion: 'v1',
      ...data,
    },
  },
];

const model = { of: 'model/small', nanosPer: { input_tokens: 2_500, output_tokens: 10_000 } };

describe('metering', () => {
  test('an answer is charged by the prices of its resource', () => {
    given(meteringProcessor, [configured([model])])
      .when(completed({ input_tokens: 10, output_tokens: 3 }))
      .then(usage({ meters: { input_tokens: 10, output_tokens: 3 }, costNanos: 55_000 }));
  });

  test('the prices of the target go before those of the resource', () => {
    const target = { of: 'openai/small', nanosPer: { input_tokens: 1, output_tokens: 2 } };
    given(meteringProcessor, [configured([model, target])])
      .when(completed({ input_tokens: 10, output_tokens: 3 }))
      .then(usage({ meters: { input_tokens: 10, output_tokens: 3 }, costNanos: 16 }));
  });

  test('the prices in force are the last ones', () => {
    const dearer = { of: 'model/small', nanosPer: { input_tokens: 5_000, output_tokens: 0 } };
    given(meteringProcessor, [configured([model]), configured([dearer], 'v2')])
      .when(completed({ input_tokens: 10, output_tokens: 3 }))
      .then(usage({ meters: { input_tokens: 10, output_tokens: 3 }, costNanos: 50_000, configurationVersion: 'v2' }));
  });

  test('a part with a price is charged at that one, the rest of the whole at the price of the whole', () => {
    const cached = { of: 'model/small', nanosPer: { ...model.nanosPer, cached_input_tokens: 250 } };
    const meters = { input_tokens: 100, output_tokens: 0, cached_input_tokens: 80 };
    given(meteringProcessor, [configured([cached])])
      .when(completed(meters))
      .then(usage({ meters, costNanos: 20 * 2_500 + 80 * 250 }));
  });

  test('a part without a price is charged with the whole', () => {
    const meters = { input_tokens: 100, output_tokens: 50, cached_input_tokens: 80, reasoning_output_tokens: 40 };
    given(meteringProcessor, [configured([model])])
      .when(completed(meters))
      .then(usage({ meters, costNanos: 100 * 2_500 + 50 * 10_000 }));
  });

  test('a part of a part is taken from the nearest whole that has a price', () => {
    const meters = { tokens: 100, input_tokens: 60, cached_input_tokens: 50 };
    const prices = { of: 'model/small', nanosPer: { tokens: 10, cached_input_tokens: 1 } };
    given(meteringProcessor, [configured([prices])])
      .when(completed(meters))
      .then(usage({ meters, costNanos: 50 * 10 + 50 }));
  });

  test('what has no price is marked; what was not used needs none', () => {
    const input = { of: 'model/small', nanosPer: { input_tokens: 2_500 } };
    given(meteringProcessor, [configured([input])])
      .when(completed({ input_tokens: 10, output_tokens: 3 }))
      .then(usage({ meters: { input_tokens: 10, output_tokens: 3 }, costNanos: 25_000, priced: false }));
    given(meteringProcessor, [configured([input])])
      .when(completed({ input_tokens: 10, output_tokens: 0 }))
      .then(usage({ meters: { input_tokens: 10, output_tokens: 0 }, costNanos: 25_000 }));
  });

  test('fractions of a nano are rounded once', () => {
    const prices = { of: 'model/small', nanosPer: { input_tokens: 37.5, output_tokens: 0.25 } };
    given(meteringProcessor, [configured([prices])])
      .when(completed({ input_tokens: 3, output_tokens: 1 }))
      .then(usage({ meters: { input_tokens: 3, output_tokens: 1 }, costNanos: 113 }));
  });

  test('a failed response counts where it used something all the same', () => {
    given(meteringProcessor, [configured([model])])
      .when(failed({ input_tokens: 10 }))
      .then(usage({ meters: { input_tokens: 10 }, costNanos: 25_000, estimated: true }));
    given(meteringProcessor, [configured([model])])
      .when(failed({}))
      .then([]);
  });

  test('an answer without meters, or without a configuration, is recorded all the same', () => {
    given(meteringProcessor, [configured([])])
      .when(completed({}))
      .then(usage({ meters: {} }));
    given(meteringProcessor, [])
      .when(completed({ input_tokens: 1 }))
      .then(usage({ meters: { input_tokens: 1 }, priced: false, currency: 'XXX', configurationVersion: '' }));
  });

  test('a call of a tool is on the statement of who asked for it, with what it reported', () => {
    const resource = { type: 'tool', id: 'search/find' };
    const target = { id: 'mcp/search', connection: 'mcp:search', name: 'search' };
    const meters = { tool_calls: 1, tool_ms: 40, request_bytes: 9, response_bytes: 99, reported_cost_nanos: 5 };
    given(meteringProcessor, [configured([{ of: 'tool/search/find', nanosPer: { tool_calls: 1_000 } }])])
      .when(completed(meters, { action: 'tool.call', resource, target }))
      .then(usage({ action: 'tool.call', resource, target, meters, costNanos: 1_005 }));
  });
  test('a cost beyond what the log can hold is none', () => {
    const prices = { of: 'model/small', nanosPer: { input_tokens: 1e12 } };
    given(meteringProcessor, [configured([prices])])
      .when(completed({ input_tokens: 1e9 }))
      .then(usage({ meters: { input_tokens: 1e9 }, priced: false }));
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 60])('a meter of %s is refused', (amount) => {
    expect(() => given(meteringProcessor, []).when(completed({ input_tokens: amount }))).toThrow('input_tokens');
  });

  test('a configuration that cannot be read changes nothing', () => {
    const broken = happened('MeshConfigured', { version: 'v2', previousVersion: 'v1', document: '{}' });
    expect(() => meteringProcessor.evolve(undefined, broken as Folded)).toThrow();
  });

  test('what is recorded is counted', async () => {
    const metrics = createMetrics();
    const [recorded] = usage({ meters: { input_tokens: 10 }, costNanos: 2_000_000_000 });
    meteringProcessor.observe?.(happened('UsageRecorded', recorded!.data), metrics);
    const text = await metrics.registry.metrics();
    expect(text).toContain('parley_usage_total{meter="input_tokens",resource="model/small",unit="support"} 10');
    expect(text).toContain('parley_cost_total{currency="EUR",resource="model/small",unit="support"} 2');
  });
});
