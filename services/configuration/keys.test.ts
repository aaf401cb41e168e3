import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { hashOfKey } from '../runtime/configuration.ts';
import { createKey } from './keys.ts';

test('a key is random, and its entry can be pasted below keys:', () => {
  const { key, entry } = createKey({ id: 'helpdesk-1', agent: 'helpdesk', expires: '2027-01-31' });
  expect(key).toMatch(/^sk-parley-[\w-]{43}$/);
  expect(createKey({ id: 'a', agent: 'b' }).key).not.toBe(key);
  expect(parse(`keys:\n${entry}`)).toEqual({
    keys: { 'helpdesk-1': { hash: `sha256:${hashOfKey(key)}`, agent: 'helpdesk', expires: '2027-01-31' } },
  });
  expect(entry).not.toContain(key);
  expect(entry).toMatch(/^ {2}helpdesk-1:\n {4}hash: sha256:[0-9a-f]{64}\n {4}agent: helpdesk\n {4}expires: /);
});

test('the published example key is the one of the example', () => {
  expect(hashOfKey('sk-parley-example')).toBe('68c3266ef1e25585e90cd2178dfb6080732ec5c2647de51dc04f1e031fb41fa3');
});
