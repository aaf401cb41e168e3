import { expect, test } from 'vitest';
import { happened } from '../services/runtime/given.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { eventJson, readable } from './event-json.ts';
import { explain } from './failure.ts';
import { clock, count, lasting, many, money, size, used } from './figures.ts';
import { eventLine } from './line.ts';
import { madeAt, parseAgo, parseFrom } from './since.ts';
import { plain, table } from './text.ts';

process.env.TZ = 'UTC';

test('what others wrote becomes one harmless line', () => {
  expect(plain('a\r\nb\t\u001b[2J\u009bc\u202ed')).toBe('a b [2J c d');
  expect(plain('x'.repeat(300), 10)).toBe(`${'x'.repeat(9)}…`);
  expect(plain('😀'.repeat(20), 10)).toBe(`${'😀'.repeat(9)}…`);
});

test('columns', () => {
  expect(
    table(
      [
        ['unit', 'calls'],
        ['support', '1'],
        ['x', '1,000'],
      ],
      [1],
    ),
  ).toEqual(['unit     calls', 'support      1', 'x        1,000']);
  expect(table([])).toEqual([]);
});

test('figures', () => {
  expect([0, 12.4, 2_310, 200_000, 7_500_000, 273_600_000].map(lasting)).toEqual([
    '0 ms',
    '12 ms',
    '2.31 s',
    '3 min 20 s',
    '2 h 5 min',
    '3 d 4 h',
  ]);
  expect([count(12_345), many(1, 'call'), many(2, 'entry', 'entries')]).toEqual(['12,345', '1 call', '2 entries']);
  expect([5, 1_234, 5_000_000].map(size)).toEqual(['5 B', '1.2 kB', '5.0 MB']);
  expect(money(123_456, 'USD')).toBe('0.000123 USD');
  expect(used({ output_tokens: 3, input_tokens: 1_000 })).toBe('1,000 input_tokens, 3 output_tokens');
  expect(clock(0)).toBe('00:00:00.000');
});

test('how long ago', () => {
  expect([parseAgo('30m'), parseAgo('2h'), parseFrom('7d'), parseFrom('beginning')]).toEqual([
    1_800_000,
    7_200_000,
    604_800_000,
    'beginning',
  ]);
  for (const wrong of ['', '2', 'h', '-1h', 'yesterday', '2 h']) expect(() => parseAgo(wrong)).toThrow('2h');
});

test('an id says when it was made where it is a UUIDv7', () => {
  const id = '019abc00-0000-7000-8000-000000000000';
  expect(madeAt(id)).toBe(0x019abc000000);
  expect(madeAt(`acme:${id}`)).toBe(0x019abc000000);
  for (const other of ['', 'mine', '019abc00-0000-4000-8000-000000000000', `${id}x`])
    expect(madeAt(other)).toBeUndefined();
});

test('JSON has bytes as text where they are text', () => {
  expect(readable({ a: Buffer.from('hé'), b: [Buffer.from([255])], c: { d: 1n, e: null } })).toEqual({
    a: 'hé',
    b: [{ base64: '/w==' }],
    c: { d: 1n, e: null },
  });
});

test('an event as JSON is one line, also when its data cannot be read', () => {
  const event = happened('CancelRequested', { reason: 'CLIENT_GONE' }, { time: 0 });
  expect(JSON.parse(eventJson(event))).toMatchObject({
    type: 'CancelRequested',
    time: '1970-01-01T00:00:00.000Z',
    data: { reason: 'CLIENT_GONE' },
  });
  const broken = {
    ...event,
    time: Number.NaN,
    get data(): never {
      throw new Error('bad \u009b2J');
    },
  } as AnyRecorded;
  const line = eventJson(broken);
  expect(JSON.parse(line)).toMatchObject({ time: null, data: null, unreadable: 'bad \u009b2J' });
  expect(line).not.toMatch(/[\u0080-\u009f\n]/);
});

test('an event in a line', () => {
  const id = '019abc00-0000-7000-8000-000000000000';
  const event = happened(
    'CancelRequested',
    { reason: 'CLIENT_GONE' },
    {
      time: 0x019abc000000 + 42,
      correlationId: id,
      key: `acme:${id}`,
    },
  );
  expect(eventLine(event)).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}…00000000000 {2}CancelRequested {9} \+42 ms {2}CLIENT_GONE$/,
  );
});

test('an error is explained in a line that says what to do', () => {
  const kafka = Object.assign(new Error('This server does not host this topic-partition'), {
    type: 'UNKNOWN_TOPIC_OR_PARTITION',
  });
  expect(explain(new Error('retries', { cause: kafka }), false)).toContain('parley topics apply');
  expect(explain(new Error('plain'), false)).toBe('plain');
  expect(explain(new Error('outer', { cause: new Error('inner') }), true)).toMatch(/outer.*caused by Error: inner/s);
});
