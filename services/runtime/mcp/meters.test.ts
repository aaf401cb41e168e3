import { expect, test } from 'vitest';
import { toolMeters } from './meters.ts';

const call = { ms: 12, requestBytes: 100, responseBytes: 200 };
const used = { tool_calls: 1, tool_ms: 12, request_bytes: 100, response_bytes: 200 };
const reporting = (cost: unknown) => toolMeters({ result: { _meta: { 'parley/cost': cost } } }, call, 'EUR');

test('a call of a tool is metered by calls, time and bytes', () => {
  expect(toolMeters({ result: { content: [] } }, call, 'EUR')).toEqual(used);
  expect(toolMeters({ result: { _meta: null } }, call, 'EUR')).toEqual(used);
  expect(toolMeters({ error: { code: -32603, message: 'no' } }, call, 'EUR')).toEqual(used);
});

test('where a clock was set back, no time is metered', () => {
  expect(toolMeters({ result: {} }, { ...call, ms: -3_600_000 }, 'EUR').tool_ms).toBe(0);
});

test('what a tool says that it cost is counted in billionths', () => {
  expect(reporting({ amount: 0.02, currency: 'EUR' })).toEqual({ ...used, reported_cost_nanos: 20_000_000 });
  expect(reporting({ amount: 0, currency: 'EUR' })).toEqual({ ...used, reported_cost_nanos: 0 });
});

test.each([
  ['another currency', { amount: 1, currency: 'USD' }],
  ['no currency', { amount: 1 }],
  ['a credit', { amount: -1, currency: 'EUR' }],
  ['text', { amount: '1', currency: 'EUR' }],
  ['more than can be counted', { amount: 1e300, currency: 'EUR' }],
  ['something else', 'free'],
  ['nothing', null],
])('a cost that cannot be charged is counted as such: %s', (_, cost) => {
  expect(reporting(cost)).toEqual({ ...used, unaccepted_costs: 1 });
});

test('no cost is accepted before there is a configuration', () => {
  const outcome = { result: { _meta: { 'parley/cost': { amount: 1, currency: 'EUR' } } } };
  expect(toolMeters(outcome, call, undefined)).toEqual({ ...used, unaccepted_costs: 1 });
});
