import { expect, test } from 'vitest';
import { z } from 'zod';
import { meshJsonSchema } from './json-schema.ts';

const node = z.looseObject({
  description: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown(),
  additionalProperties: z.unknown(),
});

/** Fields without a description. */
const bare = (value: unknown, path = ''): string[] => {
  const parsed = node.safeParse(value);
  if (!parsed.success) return [];
  const { properties = {}, items, additionalProperties } = parsed.data;
  return [
    ...Object.entries(properties).flatMap(([name, field]) => [
      ...(node.safeParse(field).data?.description ? [] : [`${path}.${name}`]),
      ...bare(field, `${path}.${name}`),
    ]),
    ...bare(items, `${path}[]`),
    ...bare(additionalProperties, `${path}.*`),
  ];
};

test('every field is described, and no field is taken that is not', () => {
  const schema: unknown = JSON.parse(meshJsonSchema());
  expect(bare(schema)).toEqual([]);
  expect(schema).toMatchObject({
    $schema: 'http://json-schema.org/draft-07/schema#',
    additionalProperties: false,
    properties: { limits: { properties: { deadline: { default: '2m' } } } },
  });
});
