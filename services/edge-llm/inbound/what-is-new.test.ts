import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../schemas/generated.ts';
import { outlineOf } from '../openai/json-bytes.ts';
import { wholeBody } from '../whole-body.ts';
import { createKnownParts, type KnownParts } from './known-parts.ts';

/** The records of one partition, as far as they are durable. */
const recordsOf = (known: KnownParts, contextId = 'acme:c') => {
  const messages: Buffer[] = [];
  const state = (body: Buffer, durable = true) => {
    const { message, spans, stored } = known.cut(contextId, body, outlineOf(body).parts);
    const offset = messages.push(message) - 1;
    if (durable) stored(offset);
    return { message, spans, fingerprint: hash('sha256', body, 'hex') };
  };
  return { messages, state, messageAt: (offset: number) => messages[offset] };
};

const filled = (text: string) => `${text} ${'x'.repeat(60)}`;
const message = (content: string, role = 'user') => ({ role, content });
const bodyOf = (contents: readonly string[], more: object = {}, space?: number) =>
  Buffer.from(JSON.stringify({ model: 'small', messages: contents.map((c) => message(c)), ...more }, null, space));
const since = () => 1_000;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }).map((s) => s.toWellFormed()),
  fc.constantFrom('', 'ok', '\\', '"', '],[', '{"role":"user"}', '\u2028\u0000é🙂', 'a"},{"role":"x', ','),
  fc.lorem().map(filled),
);
/** Few, so that they come again; some with what a message may have beside its text. */
const element = fc.oneof(
  text.map((content) => message(content)),
  text.map((content) => message(content, 'assistant')),
  text.map((said) => ({ role: 'user', content: [{ type: 'text', text: said }], name: said })),
  text,
  fc.integer(),
  fc.constant([]),
  fc.constant(null),
);
const written = (value: unknown, space: string, escaped: boolean): string => {
  const json = JSON.stringify(value, null, space);
  return escaped
    ? json.replace(/[é🙂]/gu, (c) =>
        [...c].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
      )
    : json;
};
const conversation = fc.record({ pool: fc.array(element, { minLength: 1, maxLength: 12 }) }).chain(({ pool }) =>
  fc
    .array(
      fc.record({
        picked: fc.array(fc.nat(pool.length - 1), { maxLength: 20 }),
        growing: fc.nat(pool.length),
        tools: fc.array(element, { maxLength: 3 }),
        instructions: fc.option(text, { nil: undefined }),
        space: fc.constantFrom('', '  ', '\t', '\n'),
        escaped: fc.boolean(),
        durable: fc.boolean(),
        inputFirst: fc.boolean(),
      }),
      { maxLength: 8 },
    )
    .map((turns) =>
      turns.map(({ picked, growing, tools, instructions, space, escaped, durable, inputFirst }) => {
        // Now the history as it grows, now any elements in any order, some of them twice.
        const messages = picked.length % 2 ? pool.slice(0, growing) : picked.map((i) => pool[i]);
        const rest = { tools, instructions, padding: 'p'.repeat(400), nested: { messages } };
        const value = inputFirst ? { input: messages, ...rest } : { ...rest, messages };
        return { body: Buffer.from(written(value, space, escaped)), durable };
      }),
    ),
);

describe('a body as its request states it', () => {
  test('is put together again byte for byte, whatever came before it', () => {
    let referring = 0;
    fc.assert(
      fc.property(conversation, (turns) => {
        const records = recordsOf(createKnownParts({ now: since }));
        for (const { body, durable } of turns) {
          const request = records.state(body, durable);
          expect(wholeBody(request, records.messageAt)?.equals(body)).toBe(true);
          if (request.spans.length > 2) referring += 1;
          for (const { offset, length } of request.spans) {
            expect(offset).toBeLessThan(records.messages.length - 1);
            expect(length).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 500 },
    );
    expect(referring).toBeGreaterThan(100);
  });

  test('names no part of a record that may not be durable', () => {
    const records = recordsOf(createKnownParts({ now: since }));
    const history = Array.from({ length: 10 }, (_, i) => filled(`message ${i}`));
    records.state(bodyOf(history), false);
    expect(records.state(bodyOf([...history, 'and now?'])).spans).toEqual([]);
    expect(records.state(bodyOf([...history, 'and now?', 'well?'])).spans).not.toEqual([]);
  });

  test('holds only what is new, in a turn that goes on with the history', () => {
    const records = recordsOf(createKnownParts({ now: since }));
    const history = Array.from({ length: 10 }, (_, i) => filled(`message ${i}`));
    records.state(bodyOf(history));
    const { message, spans } = records.state(bodyOf([...history, filled('the newest')]));
    expect(message.toString()).toBe(
      `{"model":"small","messages":[,{"role":"user","content":"${filled('the newest')}"}]}`,
    );
    // What lies together is one span, commas and all.
    expect(spans.map(({ offset }) => offset)).toEqual([-1, 0, -1]);
  });

  test.each<[string, (history: string[]) => string[], number]>([
    ['a window that slides', (history) => [...history.slice(5), filled('newest')], 1],
    ['an edit in the middle', (history) => history.with(5, filled('edited')), 1],
    ['a summary instead of the first half', (history) => [filled('summary'), ...history.slice(5)], 1],
    ['another order', (history) => history.toReversed(), 0],
  ])('of %s holds little more than what is new', (_, change, fresh) => {
    const records = recordsOf(createKnownParts({ now: since }));
    const history = Array.from({ length: 10 }, (_, i) => filled(`message ${i}`));
    records.state(bodyOf(history));
    const { message } = records.state(bodyOf(change(history)));
    // A first element is there without the comma before it, and a comma may be left over.
    expect(message.length).toBeLessThan(40 + (fresh + 2) * 110);
  });

  test('names tools, strings and messages of any layout', () => {
    const records = recordsOf(createKnownParts({ now: since }));
    const more = {
      instructions: filled('Be brief.'),
      tools: [{ type: 'function', function: { name: 'look_up', description: filled('Looks things up.') } }],
    };
    const contents = [filled('one'), filled('two'), filled('three'), filled('four')];
    records.state(bodyOf(contents, more, 2));
    const { message } = records.state(bodyOf([...contents, filled('five')], more, 2));
    expect(message.toString()).not.toMatch(/one|two|three|four|Be brief|look_up/);
    expect(message.toString()).toContain('five');
  });
});

describe('what is known', () => {
  const history = Array.from({ length: 10 }, (_, i) => filled(`message ${i}`));

  test('is no longer referred to after a day', () => {
    let now = 0;
    const records = recordsOf(createKnownParts({ now: () => now }));
    records.state(bodyOf(history));
    now = 24 * 60 * 60 * 1_000 - 1;
    expect(records.state(bodyOf(history)).spans).not.toEqual([]);
    now += 1;
    // Its being referred to since makes a record no younger.
    expect(records.state(bodyOf(history)).spans).toEqual([]);
    expect(records.state(bodyOf(history)).spans[1]?.offset).toBe(2);
  });

  test('is that of the conversations that were last used', () => {
    const known = createKnownParts({ now: since, most: 25 });
    const [a, b, c] = ['a', 'b', 'c'].map((id) => recordsOf(known, id));
    a!.state(bodyOf(history));
    b!.state(bodyOf(history));
    a!.state(bodyOf([...history, 'more of it, longer than nothing']));
    c!.state(bodyOf(history));
    expect(b!.state(bodyOf(history)).spans).toEqual([]);
    expect(c!.state(bodyOf(history)).spans).not.toEqual([]);
  });

  test('is of one conversation only', () => {
    const known = createKnownParts({ now: since });
    recordsOf(known, 'acme:a').state(bodyOf(history));
    expect(recordsOf(known, 'acme:b').state(bodyOf(history)).spans).toEqual([]);
  });

  test('can be forgotten', () => {
    const known = createKnownParts({ now: since });
    const records = recordsOf(known);
    records.state(bodyOf(history));
    known.forget('acme:c');
    expect(records.state(bodyOf(history)).spans).toEqual([]);
  });

  test('a body in more pieces than are worth reading is stated whole, and referred to from then on', () => {
    const records = recordsOf(createKnownParts({ now: since }));
    const parts = Array.from({ length: 2_100 }, (_, i) => filled(`message ${i}`));
    const every = parts.filter((_, i) => i % 2 === 0);
    records.state(bodyOf(every));
    expect(records.state(bodyOf(parts)).spans).toEqual([]);
    expect(new Set(records.state(bodyOf(parts)).spans.map(({ offset }) => offset))).toEqual(new Set([-1, 1]));
  });
});

describe('a body that cannot be put together', () => {
  const request = (spans: Span[], body: string) => ({
    message: Buffer.from('own'),
    spans,
    fingerprint: hash('sha256', body, 'hex'),
  });
  const spans = [
    { offset: -1, from: 0, length: 3 },
    { offset: 7, from: 1, length: 2 },
  ];
  const at = (other: Buffer | undefined) => (offset: number) => (offset === 7 ? other : undefined);

  test('is undefined: a part is missing, shorter, or another', () => {
    expect(wholeBody(request(spans, 'ownbc'), at(Buffer.from('abcd')))?.toString()).toBe('ownbc');
    expect(wholeBody(request(spans, 'ownbc'), at(undefined))).toBeUndefined();
    expect(wholeBody(request(spans, 'ownbc'), at(Buffer.from('ab')))).toBeUndefined();
    expect(wholeBody(request(spans, 'ownbc'), at(Buffer.from('axcd')))).toBeUndefined();
  });
});
