import { expect, test } from 'vitest';
import { acceptTraceparent, traceIdOf } from './tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('a traceparent is taken over', () => {
  expect(acceptTraceparent(`00-${TRACE}-${SPAN}-00`)).toBe(`00-${TRACE}-${SPAN}-00`);
  expect(traceIdOf(`00-${TRACE}-${SPAN}-00`)).toBe(TRACE);
  for (const least of [`00-${'0'.repeat(31)}1-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(15)}1-01`])
    expect(acceptTraceparent(least)).toBe(least);
});

test.each([
  ['none', undefined],
  ['empty', ''],
  ['of another version', `01-${TRACE}-${SPAN}-01`],
  ['in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['of a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['of a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
])('where it is %s, there is a new one', (_, header) => {
  const accepted = acceptTraceparent(header);
  expect(accepted).not.toBe(header);
  expect(accepted).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(traceIdOf(header ?? '')).toBe('');
});
