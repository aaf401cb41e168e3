import { CallToolResultSchema, ToolSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { legacyResult } from './legacy-shape.ts';

const described = { name: 'a', description: 'Does.', annotations: { readOnlyHint: true } };

test.each<[string, object, object]>([
  ['is as it was', { inputSchema: { type: 'object', properties: { x: { type: 'string' } } } }, {}],
  [
    'whose results are objects says so',
    { inputSchema: { type: 'object' }, outputSchema: { type: 'object', required: ['x'] } },
    {},
  ],
  [
    'whose results are none does not say what they are',
    { inputSchema: { type: 'object' }, outputSchema: { type: 'array', items: { $ref: '#/$defs/a' } } },
    { outputSchema: undefined },
  ],
  [
    'whose results may be none does not either',
    { inputSchema: { type: 'object' }, outputSchema: { anyOf: [{ type: 'object' }, { type: 'null' }] } },
    { outputSchema: undefined },
  ],
  ...Object.entries({
    'that is not there': { $ref: '#/$defs/none' },
    'that is elsewhere': { $ref: 'https://example.com/schema.json' },
    'that JavaScript cannot read': { type: 'string', pattern: '(?i)a' },
    'of no type': { type: 'strnig' },
    'that is endless': { enum: ['x'.repeat(100_000)] },
  }).map(([what, a]): [string, object, object] => [
    `whose results refer to something ${what} does not say what they are`,
    { inputSchema: { type: 'object' }, outputSchema: { type: 'object', properties: { a } } },
    { outputSchema: undefined },
  ]),
  [
    'that takes anything takes an object',
    { inputSchema: { type: 'object', properties: { x: true, y: false, z: { type: 'string' } } } },
    { inputSchema: { type: 'object', properties: { x: {}, y: { not: {} }, z: { type: 'string' } } } },
  ],
])('a tool %s', async (_, given, differently) => {
  const listed = await legacyResult('tools/list', { tools: [{ ...described, ...given }] });
  const [shown] = listed.tools as object[];
  expect(shown).toEqual({ ...described, ...given, ...differently });
  expect(ToolSchema.safeParse(shown).success).toBe(true);
});

const content = [{ type: 'text', text: '[1,2]' }];

test.each<[string, object, object]>([
  ['without structure is as it was', { content }, { content }],
  [
    'that is an object is as it was',
    { content, structuredContent: { a: 1 } },
    { content, structuredContent: { a: 1 } },
  ],
  [
    'that is none is in one',
    { content, structuredContent: [1, 2] },
    { content, structuredContent: { result: [1, 2] } },
  ],
  ['that is nothing is in one', { content, structuredContent: null }, { content, structuredContent: { result: null } }],
  ['is in words too', { content: [], structuredContent: [1, 2] }, { structuredContent: { result: [1, 2] } }],
])('a result %s', async (_, given, expected) => {
  const shown = await legacyResult('tools/call', { ...given });
  expect(shown).toMatchObject(expected);
  expect(CallToolResultSchema.safeParse(shown).success).toBe(true);
  expect((shown as { content: object[] }).content.at(-1)).toMatchObject({ type: 'text' });
});
