import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { resourcesOf, withResources } from './listen.ts';
import { McpProblem } from './problems.ts';
import type { Visit } from './visit.ts';

const listening = (uris: string[]) => ({
  jsonrpc: '2.0' as const,
  id: 1,
  method: 'subscriptions/listen',
  params: { notifications: { resourceSubscriptions: uris } },
});

const given = () => {
  const response = Object.assign(new EventEmitter(), { destroyed: false });
  const asked: string[] = [];
  const close = () => {
    response.destroyed = true;
    response.emit('close');
  };
  return { visit: { response } as unknown as Visit, asked, close };
};

test('a client listens to what it may subscribe to, until it leaves', async () => {
  const { visit, asked, close } = given();
  const message = await withResources(visit, listening(['a', 'b', 'c']), async (method, uri) => {
    asked.push(`${method} ${uri}`);
    if (uri === 'b') throw new McpProblem(-32602, 'no');
  });
  expect(resourcesOf(message)).toEqual(['a', 'c']);
  close();
  expect(asked.slice(3)).toEqual(['resources/unsubscribe a', 'resources/unsubscribe c']);
  expect(resourcesOf(message)).toEqual(['a', 'c']);
});

test('a client that leaves while it is being subscribed is unsubscribed from all, and from no more', async () => {
  const { visit, asked, close } = given();
  await withResources(visit, listening(['a', 'b', 'c']), async (method, uri) => {
    asked.push(`${method} ${uri}`);
    if (method === 'resources/subscribe' && uri === 'b') close();
  });
  expect(asked).toEqual([
    'resources/subscribe a',
    'resources/subscribe b',
    'resources/unsubscribe a',
    'resources/unsubscribe b',
  ]);
});
