import type { lookup as systemLookup } from 'node:dns';
import { expect, test } from 'vitest';
import { isPublicAddress, publicLookup, refuseLiteral } from './public-addresses.ts';

test.each([
  ['8.8.8.8', true],
  ['172.15.255.255', true],
  ['172.16.0.1', false],
  ['10.1.2.3', false],
  ['127.0.0.1', false],
  ['127.255.0.1', false],
  ['169.254.169.254', false],
  ['192.168.1.1', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['255.255.255.255', false],
  ['224.0.0.1', false],
  ['2606:4700:4700::1111', true],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['ff02::1', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::a00:1', false],
  ['2002:a00:1::', false],
  ['2001:db8::1', false],
  ['localhost', false],
  ['', false],
])('%s is public: %s', (address, is) => {
  expect(isPublicAddress(address)).toBe(is);
});

test.each(['http://127.0.0.1/', 'http://[::1]/', 'http://0x7f.1/', 'http://2130706433/', 'http://[::ffff:127.0.0.1]/'])(
  '%s is refused before anything is asked',
  (url) => {
    expect(() => refuseLiteral(new URL(url))).toThrow('not a public one');
  },
);

const lookedUp = (addresses: readonly string[], all: boolean) => {
  const lookup = ((_name: string, _options: object, callback: (error: null, found: object[]) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as typeof systemLookup;
  return new Promise((resolve, reject) =>
    publicLookup(lookup)('a.example', { all }, (error, found) => (error ? reject(error) : resolve(found))),
  );
};

test('a name that stands for public addresses is connected to', async () => {
  expect(await lookedUp(['8.8.8.8'], false)).toBe('8.8.8.8');
  expect(await lookedUp(['8.8.8.8', '2606:4700::1'], true)).toHaveLength(2);
});

test.each([[['127.0.0.1']], [['8.8.8.8', '10.0.0.1']], [['8.8.8.8', '::1']], [[]]])(
  'a name that stands for %j is not',
  async (addresses) => {
    await expect(lookedUp(addresses, true)).rejects.toThrow('not public');
    await expect(lookedUp(addresses, false)).rejects.toThrow('not public');
  },
);
