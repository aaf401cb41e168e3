import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { choosePorts } from './ports.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'parley-ports-'));
  file = join(dir, 'ports.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Another program's listener. */
async function occupy(port: number) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => void (await new Promise((end) => server.close(end))),
  };
}

test('chooses free ports, the same again next time', async () => {
  const first = await choosePorts(file, { a: undefined, b: undefined });
  expect(first.a).not.toBe(first.b);
  expect(await choosePorts(file, { a: undefined, b: undefined })).toEqual(first);
});

test('chooses another when the one of last time is taken', async () => {
  const { a } = await choosePorts(file, { a: undefined });
  await using _other = await occupy(a);
  expect((await choosePorts(file, { a: undefined })).a).not.toBe(a);
});

test('refuses when the wanted one is taken', async () => {
  await using other = await occupy(0);
  await expect(choosePorts(file, { kafka: other.port })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`${other.port}`),
  });
});
