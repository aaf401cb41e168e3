import { expect, test } from 'vitest';
import { faultOf, mcpCall, STEPS } from './mcp-call.ts';
import { readPage } from './mcp-list.ts';

const NOWHERE = 'http://127.0.0.1:9';

/** What a server would say to a call. */
const answerTo = (body: string, steps: number) => {
  const { id, params } = JSON.parse(body);
  const text = `Echo: ${params.arguments.message}`;
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1 } };
  const result = { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } };
  return [...Array(steps).fill(progress), result].map((one) => `data: ${JSON.stringify(one)}\n\n`).join('');
};

test('a call says all that there is to know of its client, and is right where it is said again', async () => {
  const { body, fault, begins } = await mcpCall('modern', false, NOWHERE, 'a key');
  expect(JSON.parse(body(7))).toMatchObject({
    id: 7,
    params: { name: 'echo', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
  });
  expect(begins).toBeUndefined();
  expect(fault(200, answerTo(body(7), 0))).toBeUndefined();
  expect(fault(200, '{"error":{"code":-32603}}')).toContain('-32603');
  expect(fault(503, answerTo(body(7), 0))).toContain('503');
});

test('a call that tells of itself is wrong with a step too few', async () => {
  const { body, fault, begins } = await mcpCall('modern', true, NOWHERE, 'a key');
  const right = answerTo(body(1), STEPS);
  expect(right.indexOf(begins!)).toBeGreaterThan(0);
  expect(fault(200, right)).toBeUndefined();
  expect(fault(200, answerTo(body(1), STEPS - 1))).toContain(`${STEPS - 1} steps`);
  expect(faultOf(200, right, false)).toContain(`${STEPS} steps`);
});

test('a page is the last where it has no cursor, and an error is no page', () => {
  const page = (result: object) => JSON.stringify({ jsonrpc: '2.0', id: 0, result });
  expect(readPage(200, page({ tools: [{}, {}], nextCursor: 'a' }))).toEqual({ tools: 2, cursor: 'a' });
  expect(readPage(200, page({ tools: [{}] })).cursor).toBeUndefined();
  expect(() => readPage(200, '{"error":{"code":-32602}}')).toThrow('-32602');
});
