import { expect, test } from 'vitest';
import { costOf } from './price.ts';

test('what an agent said is counted, and costs nothing unless it has a price', () => {
  expect(costOf({ agent_updates: 7 }, {})).toEqual({ costNanos: 0, priced: true });
  expect(costOf({ agent_updates: 7 }, { agent_updates: 2 })).toEqual({ costNanos: 14, priced: true });
  expect(costOf({ agent_updates: 7, input_tokens: 1 }, {})).toEqual({ costNanos: 0, priced: false });
});

const tool = { tool_calls: 1, tool_ms: 1_500, request_bytes: 10, response_bytes: 20 };

test('a call of a tool is counted, and costs nothing unless it has a price', () => {
  expect(costOf(tool, {})).toEqual({ costNanos: 0, priced: true });
  expect(costOf(tool, { tool_calls: 1_000, tool_ms: 2 })).toEqual({ costNanos: 4_000, priced: true });
});

test('what a tool reports that it cost is added to its price', () => {
  expect(costOf({ ...tool, reported_cost_nanos: 70 }, {})).toEqual({ costNanos: 70, priced: true });
  expect(costOf({ ...tool, reported_cost_nanos: 70 }, { tool_calls: 30 })).toEqual({ costNanos: 100, priced: true });
});

test('a call of which a cost was not accepted is marked as not wholly charged', () => {
  expect(costOf({ ...tool, unaccepted_costs: 1 }, { tool_calls: 30 })).toEqual({ costNanos: 30, priced: false });
});
