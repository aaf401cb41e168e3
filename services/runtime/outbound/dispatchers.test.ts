import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fetch } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../configuration.ts';
import { createDispatchers } from './dispatchers.ts';

/** undici's own clock, which can be put forward. */
const { tick }: { tick(ms: number): void } = createRequire(import.meta.url)('undici/lib/util/timers.js');
/** The first tick begins to count. */
const anHourPasses = () => {
  tick(1_000);
  tick(3_600_000);
};

const serve = async (handle: (response: ServerResponse) => void): Promise<string> => {
  const server = createServer((_, response) => handle(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test('time is the caller’s: neither an answer nor its next part is waited for too short', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  const url = await serve(asked.resolve);
  const dispatchers = createDispatchers();
  onTestFinished(() => dispatchers.close());
  const coming = fetch(url, { dispatcher: dispatchers.of({ id: 'one', url, connectTimeoutMs: 2_000 } as Connection) });
  coming.catch(() => {});
  const response = await asked.promise;
  anHourPasses();
  response.write('a');
  const answer = await coming;
  const text = answer.text();
  anHourPasses();
  response.end('b');
  expect(await text).toBe('ab');
});
