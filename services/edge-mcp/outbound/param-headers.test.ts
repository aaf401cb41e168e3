import { expect, test } from 'vitest';
import { InvalidHeader, mirroredBy, mirroringHeaders } from './param-headers.ts';

const region = { type: 'string', 'x-mcp-header': 'Region' };
const schema = {
  type: 'object',
  properties: {
    region,
    where: { type: 'object', properties: { level: { type: 'integer', 'x-mcp-header': 'Level' } } },
  },
};

test('arguments are repeated as their schema says, encoded where a header could not hold them', () => {
  const headers = (given: object) => mirroringHeaders(mirroredBy(schema), given);
  expect(headers({ region: 'us', where: { level: 3 } })).toEqual({ 'Mcp-Param-Region': 'us', 'Mcp-Param-Level': '3' });
  expect(headers({ region: ' x ' })).toEqual({ 'Mcp-Param-Region': '=?base64?IHgg?=' });
  expect(headers({ region: 'a\r\nb: c' })).toEqual({ 'Mcp-Param-Region': '=?base64?YQ0KYjogYw==?=' });
  expect(headers({ region: '=?base64?eA==?=' })['Mcp-Param-Region']).not.toBe('=?base64?eA==?=');
  expect(headers({ region: null, where: 'none' })).toEqual({});
  expect(headers({ where: { level: 2 ** 53 } })).toEqual({});
});

test.each([
  ['no name', { properties: { a: { type: 'string', 'x-mcp-header': '' } } }],
  ['a name that is none of a header', { properties: { a: { type: 'string', 'x-mcp-header': 'a b' } } }],
  ['what is no primitive', { properties: { a: { type: 'object', 'x-mcp-header': 'A' } } }],
  ['a number', { properties: { a: { type: 'number', 'x-mcp-header': 'A' } } }],
  ['one name twice', { properties: { a: region, b: { ...region, 'x-mcp-header': 'REGION' } } }],
  ['an item', { properties: { a: { type: 'array', items: region } } }],
  ['a choice', { anyOf: [{ properties: { a: region } }] }],
  ['the whole', { ...region }],
])('a schema that mirrors %s is refused', (_, broken) => {
  expect(() => mirroredBy(broken)).toThrow(InvalidHeader);
});

test('data, and a property of that name, are no annotation', () => {
  expect(mirroredBy({ properties: { 'x-mcp-header': { type: 'string' } }, default: { 'x-mcp-header': 'A' } })).toEqual(
    [],
  );
});
