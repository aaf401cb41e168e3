import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { beginningOf, TRUNCATED, truncated } from './truncate.ts';

type Item = Record<string, unknown>;
const sizeOf = (result: object) => Buffer.byteLength(JSON.stringify({ result }));
const text = (said: string, more: Item = {}) => ({ type: 'text', text: said, ...more });
const image = (bytes: number) => ({ type: 'image', mimeType: 'image/png', data: 'A'.repeat(bytes) });

const cut = (result: Record<string, unknown>, maxBytes: number, hasOutputSchema = false) => {
  const bytes = sizeOf(result);
  return { bytes, after: truncated(result, { bytes, maxBytes, hasOutputSchema }) };
};
const contentOf = (result: Record<string, unknown> | undefined) => result?.content as Item[];

describe('a result that is too large', () => {
  test('has the text cut at which the room ends, with a word on how much is missing; its other members stay', () => {
    const given = {
      content: [text('short'), text('ä'.repeat(5_000), { annotations: { priority: 1 } })],
      isError: false,
      resultType: 'complete',
      'example.com/own': [1],
      _meta: { 'example.com/kept': true },
    };
    const { bytes, after } = cut(given, 2_000);
    const [first, second, ...none] = contentOf(after);
    expect([first, none]).toEqual([text('short'), []]);
    const said = /^(ä+)… \[(\d+) bytes left out by the mesh\]$/.exec(String(second?.text));
    expect(Buffer.byteLength(said?.[1] ?? '') + Number(said?.[2])).toBe(10_000);
    expect(after).toEqual({
      ...given,
      content: [first, { ...second, annotations: { priority: 1 } }],
      _meta: { 'example.com/kept': true, [TRUNCATED]: { bytes, maxBytes: 2_000 } },
    });
    expect(sizeOf(after ?? {})).toBeLessThanOrEqual(2_000);
    expect(sizeOf(after ?? {})).toBeGreaterThan(1_700);
  });

  test('loses what can’t be cut and has no room, and says so; what comes after has its place still', () => {
    const link = { type: 'resource_link', uri: 'test://one', name: 'one' };
    const { bytes, after } = cut(
      { content: [image(5_000), text('a'), link, image(4_000), { type: 'new', x: 'y'.repeat(3_000) }] },
      1_500,
    );
    const told = `[Left out by the mesh, as the result of ${bytes} bytes is larger than 1500: 2 image, 1 other]`;
    expect(contentOf(after)).toEqual([text('a'), link, text(told)]);
  });

  test('loses texts after the one that is cut', () => {
    const { after } = cut({ content: [text('a'.repeat(3_000)), text('b'.repeat(200)), image(300)] }, 1_500);
    const [first, last, ...none] = contentOf(after);
    expect(first?.text).toMatch(/^a+… \[\d+ bytes left out by the mesh\]$/);
    expect(last?.text).toMatch(/: 1 text, 1 image\]$/);
    expect(none).toEqual([]);
  });

  test('loses structured content that nobody was promised', () => {
    const { after } = cut({ content: [text('short')], structuredContent: { rows: 'x'.repeat(5_000) } }, 1_500);
    expect(after).not.toHaveProperty('structuredContent');
    expect(contentOf(after)).toEqual([
      text('short'),
      text(expect.stringMatching(/: the structured content\]$/) as never),
    ]);
  });

  test('of a tool with an output schema keeps structured content whole, or can’t be cut', () => {
    const structuredContent = { rows: 'x'.repeat(1_000) };
    const { after } = cut({ content: [text('x'.repeat(9_000))], structuredContent }, 2_000, true);
    expect(after).toMatchObject({ structuredContent });
    expect(contentOf(after)[0]?.text).toMatch(/left out by the mesh\]$/);
    expect(cut({ content: [], structuredContent }, 1_024, true).after).toBeUndefined();
    // Of a failure a client expects none.
    expect(cut({ content: [], structuredContent, isError: true }, 1_024, true).after).toMatchObject({ isError: true });
  });

  test.each<[string, Record<string, unknown>]>([
    ['asks for more', { resultType: 'input_required', content: [], inputRequests: { a: 'x'.repeat(2_000) } }],
    ['is a task', { resultType: 'task', task: { statusMessage: 'x'.repeat(2_000) } }],
    ['is none of a tool', { contents: [{ uri: 'a', text: 'x'.repeat(2_000) }] }],
    ['holds what is no content', { content: [null, 'x'.repeat(2_000)] }],
    ['has too much beside its contents', { content: [], _meta: { own: 'x'.repeat(2_000) } }],
  ])('and %s can’t be cut', (_, result) => {
    expect(cut(result, 1_024).after).toBeUndefined();
  });

  test('is, cut, never larger than it may be, whatever is in it', () => {
    const unit = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 3_000 }));
    const item = fc.oneof(
      unit.map((said) => text(said)),
      fc.nat(3_000).map(image),
    );
    const results = fc.record({
      content: fc.array(item),
      structuredContent: fc.option(fc.object(), { nil: undefined }),
    });
    fc.assert(
      fc.property(results, fc.integer({ min: 1_024, max: 5_000 }), fc.boolean(), (result, maxBytes, schema) => {
        const { after } = cut(result, maxBytes, schema);
        if (after) expect(sizeOf(after)).toBeLessThanOrEqual(maxBytes);
      }),
    );
  });
});

test('the beginning of a text is as much of it as there is room for, and ends between characters', () => {
  const anything = fc.string({
    unit: fc.constantFrom('a', '"', '\\', '\n', '\u0001', '\u007f', 'é', '€', '😀', '\ud800', '\udc00'),
  });
  const inJson = (said: string) => Buffer.byteLength(JSON.stringify(said)) - 2;
  fc.assert(
    fc.property(anything, fc.nat(60), (said, room) => {
      const kept = beginningOf(said, room);
      expect(said.startsWith(kept)).toBe(true);
      expect(inJson(kept)).toBeLessThanOrEqual(room);
      const next = String.fromCodePoint(...[said.slice(kept.length).codePointAt(0) ?? []].flat());
      if (next !== '') expect(inJson(kept) + inJson(next)).toBeGreaterThan(room);
    }),
    { numRuns: 2_000 },
  );
});
