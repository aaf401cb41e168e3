import { expect, test } from 'vitest';
import { valuesOf } from './progressed.ts';

test('the values of a metric, and of no other that begins alike', () => {
  const text = `# HELP calls all of them
# TYPE calls counter
calls{protocol="openai.chat",status="200"} 12
calls{protocol="openai.chat",status="429"} 3
calls_failed{status="500"} 7
calls 1`;
  expect(valuesOf(text, 'calls')).toEqual([12, 3, 1]);
  expect(valuesOf(text, 'lag')).toEqual([]);
});
