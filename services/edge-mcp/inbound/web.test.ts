import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Visit } from './visit.ts';
import { write } from './web.ts';

const server = createServer();
let client: Socket | undefined;
afterEach(() => {
  client?.destroy();
  server.close();
});

/** Asks, and reads nothing. */
const visitOf = async (): Promise<Visit> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  client.on('error', () => {});
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [request, response] = await once(server, 'request');
  return { request, response } as Visit;
};

test('a client that does not read is let go, and nothing is kept for it any more', async () => {
  const visit = await visitOf();
  const cancelled = Promise.withResolvers<void>();
  // As what listens to changes has it: whoever reads it is not waited for.
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let i = 0; i < 1_000; i++) controller.enqueue(Buffer.alloc(64 * 1024));
    },
    cancel: () => cancelled.resolve(),
  });
  await write(new Response(stream), visit, {}, 50);
  await cancelled.promise;
  expect(visit.response.destroyed).toBe(true);
});
