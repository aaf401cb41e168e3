import { expect, it } from 'vitest';
import { conversationOf } from './conversation.ts';

it('is made of the tenant and an id', () => {
  expect(conversationOf('acme', undefined, 'made')).toBe('acme:made');
  expect(conversationOf('acme', 'a.b_c:d-1', 'made')).toBe('acme:a.b_c:d-1');
});

it('is taken as it is where it has the tenant already', () => {
  expect(conversationOf('acme', 'acme:x', 'made')).toBe('acme:x');
  const long = conversationOf('acme', 'x'.repeat(128), 'made');
  expect(conversationOf('acme', long, 'made')).toBe(long);
});

it('is no other tenant’s, whatever tenants are called', () => {
  expect(conversationOf('acme', 'globex:x', 'made')).toBe('acme:globex:x');
  expect(conversationOf('a', 'b:x', 'made')).not.toBe(conversationOf('a:b', 'x', 'made'));
  expect(conversationOf('Größe & Söhne', 'x', 'made')).toMatch(/^[\x21-\x7e]+:x$/);
});

it('is not what is no id', () => {
  for (const bad of ['', ' ', 'a b', 'x'.repeat(129), 'ü', 'a\nb', 'acme:'])
    expect(conversationOf('acme', bad, 'made')).toBeUndefined();
});
