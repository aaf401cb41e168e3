/** Calls of tools under idempotency keys, on the real log: one is performed once, and a person's word on it counts. */
import { expect, onTestFinished, test } from 'vitest';
import { readEffects } from '../cli/effects/known.ts';
import { settlementOf } from '../cli/effects/settle.ts';
import { clientOf, textOf } from './mcp/client.ts';
import { createMcpMesh } from './mcp/mesh.ts';
import { startMcpUpstream } from './mcp/upstream.ts';
import { until } from './mesh.ts';

const KEY = { 'parley/idempotencyKey': 'order-7' };

test('kill -9 during a call under a key: asked again, its outcome is not known until a person says so', {
  timeout: 180_000,
}, async () => {
  const upstream = await startMcpUpstream();
  onTestFinished(() => upstream.close());
  const mesh = await createMcpMesh({ servers: { up: { url: upstream.url } } });
  onTestFinished(() => mesh.close());
  const first = await mesh.spawn();
  await mesh.offers('up', 'TOOL', 'write_held');
  const call = async ({ url }: { url: string }) => {
    const client = await clientOf(`${url}/mcp/up`);
    return client.callTool({ name: 'write_held', arguments: { line: 'a' }, _meta: KEY });
  };
  const cut = call(first).catch((error: Error) => error);
  await until(() => upstream.calls.write_held === 1, 'the call');
  await first.stop();
  await cut;
  const [second, third] = await Promise.all([mesh.spawn(), mesh.spawn()]);
  await expect(call(second)).rejects.toThrow(/not known whether/);
  await expect(call(third)).rejects.toThrow(/not known whether/);
  expect(upstream.calls.write_held).toBe(1);

  const settle = async (finding: { happened: boolean; not: boolean }) => {
    const [effect] = await readEffects(mesh.log);
    await mesh.log.append([
      settlementOf(effect!, { ...finding, by: 'lead@example.com', note: 'the line is there' }, Date.now()),
    ]);
  };
  await settle({ happened: true, not: false });
  expect(textOf(await call(second))).toMatch(/took effect, as lead@example.com found out: the line is there/);
  expect(upstream.calls.write_held).toBe(1);
  await settle({ happened: false, not: true });
  upstream.release();
  const made = await call(third);
  expect(textOf(made)).toMatch(/^wrote a/);
  expect(made._meta).not.toHaveProperty('parley/replayed');
  const repeated = await call(second);
  expect([textOf(repeated), repeated._meta?.['parley/replayed']]).toEqual([textOf(made), true]);
  expect(upstream.calls.write_held).toBe(2);
});
