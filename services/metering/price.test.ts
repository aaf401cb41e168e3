import { expect, test } from 'vitest';
import { costOf } from './price.ts';

test('what an agent said is counted, and costs nothing unless it has a price', () => {
  expect(costOf({ agent_updates: 7 }, {})).toEqual({ costNanos: 0, priced: true });
  expect(costOf({ agent_updates: 7 }, { agent_updates: 2 })).toEqual({ costNanos: 14, priced: true });
  expect(costOf({ agent_updates: 7, input_tokens: 1 }, {})).toEqual({ costNanos: 0, priced: false });
});
