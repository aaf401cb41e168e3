import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { wholeSchema } from '../../schemas/index.ts';
import { registrySchemaIds } from './registry.ts';

const schema = wholeSchema('CancelRequested');
let server: Server | undefined;
afterEach(() => server?.close());

/** What of Confluent's API is asked. @param holds the ids that it knows just now. */
const registryWith = async (holds: Set<number>): Promise<string> => {
  const answers = (url: string): object | undefined => {
    const [, id] = /^\/schemas\/ids\/(\d+)/.exec(url) ?? [];
    if (id !== undefined) return holds.has(Number(id)) ? { schema: JSON.stringify(schema) } : undefined;
    if (url === '/schemas/types') return ['AVRO'];
    return url.startsWith('/subjects/') ? { id: 3 } : undefined;
  };
  server = createServer((request, response) => {
    const body = answers(request.url ?? '');
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { error_code: 40403, message: 'Schema not found' }));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test('a registry that has forgotten an id it once gave is not believed that there is no such schema', async () => {
  const holds = new Set<number>();
  const ids = registrySchemaIds({ url: await registryWith(holds), prefix: '' });
  expect(await ids.idOf('CancelRequested', schema)).toBe(3);
  await expect(ids.schemaOf(7)).rejects.toMatchObject({ status: 404 });
  holds.add(3).add(7);
  expect(await ids.schemaOf(7)).toMatchObject({ name: 'mesh.CancelRequested' });
});

test('an id that a registry which knows the others does not know is none', async () => {
  const ids = registrySchemaIds({ url: await registryWith(new Set([3])), prefix: '' });
  await ids.idOf('CancelRequested', schema);
  expect(await ids.schemaOf(7)).toBeUndefined();
});

test('of a registry of which nothing is known yet, it is enough that it is one', async () => {
  const url = await registryWith(new Set());
  expect(await registrySchemaIds({ url, prefix: '' }).schemaOf(7)).toBeUndefined();
  await expect(registrySchemaIds({ url: `${url}/elsewhere`, prefix: '' }).schemaOf(7)).rejects.toMatchObject({
    status: 404,
  });
});
