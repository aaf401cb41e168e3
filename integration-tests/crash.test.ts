/** A process of the whole mesh, killed in the middle of its work. */
import OpenAI from 'openai';
import { expect, onTestFinished, test } from 'vitest';
import { verifyAudit } from '../services/audit/verify.ts';
import { applyConfiguration } from '../services/configuration/apply.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';
import { freePort, spawnMesh } from './child.ts';
import { freshCluster, openLog } from './cluster.ts';
import { environment, keys, readLog, until, writeMesh } from './mesh.ts';
import { completion, json, startUpstream } from './upstream.ts';

/** A call under an idempotency key; undefined when the connection is lost. */
const call = async (port: number, i: number, maxRetries: number): Promise<string | null | undefined> => {
  const client = new OpenAI({ apiKey: keys.research, baseURL: `http://127.0.0.1:${port}/v1`, maxRetries });
  const messages = [{ role: 'user' as const, content: `call ${i}` }];
  try {
    const headers = { 'idempotency-key': `call-${i}` };
    const answer = await client.chat.completions.create({ model: 'small', messages }, { headers });
    return answer.choices[0]?.message.content;
  } catch (error) {
    if (error instanceof OpenAI.APIConnectionError) return undefined;
    throw error;
  }
};

const outcomes = ['RequestDenied', 'RequestUnroutable', 'ResponseCompleted', 'ResponseFailed'] as const;
const distinct = (events: AnyRecorded[]) => [...new Map(events.map((e) => [e.id, e])).values()];

test('kill -9 in the middle of 100 calls: after a start every conversation has one outcome, and usage once', async () => {
  const cluster = await freshCluster();
  const upstream = await startUpstream(async ({ body }, response) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    const [message] = body.messages as { content: string }[];
    json(response, completion(`answer to ${message!.content}`));
  });
  onTestFinished(upstream.close);
  const log = await openLog(cluster);
  onTestFinished(() => log.close());
  await applyConfiguration({ log, path: writeMesh({ only: upstream.url }), env: environment, now: Date.now });

  const port = await freePort();
  const first = await spawnMesh(cluster, port);
  const calls = Array.from({ length: 100 }, (_, i) => call(port, i, 0));
  await until(() => upstream.calls.length >= 40, 'calls under way');
  first.kill('SIGKILL');
  const answered = (await Promise.all(calls)).filter((answer) => answer !== undefined).length;
  expect(answered).toBeLessThan(100);

  const second = await spawnMesh(cluster, port);
  const received = new Set((await readLog(log, 0, 'RequestReceived')).map((e) => e.correlationId));
  expect(received.size).toBeGreaterThan(40);
  const ended = async () => distinct(await readLog(log, 0, ...outcomes));
  await until(async () => (await ended()).length >= received.size, 'an outcome of every request', 60_000);

  // The clients come back with their keys: each gets its own answer, and none is made twice for it.
  const again = await Promise.all(Array.from({ length: 100 }, (_, i) => call(port, i, 20)));
  expect(again).toEqual(Array.from({ length: 100 }, (_, i) => `answer to call ${i}`));
  const ends = await ended();
  expect(ends.map((e) => e.correlationId).sort()).toEqual([...new Set(ends.map((e) => e.correlationId))].sort());
  expect(ends).toHaveLength(100);
  await until(async () => distinct(await readLog(log, 0, 'UsageRecorded')).length === 100, 'usage');
  const usage = await readLog(log, 0, 'UsageRecorded');
  expect(new Set(usage.map((u) => u.correlationId)).size).toBe(100);
  expect(usage).toHaveLength(100);

  const covered = async () => {
    const { whole, coverage } = await verifyAudit(log, Date.now());
    return whole && coverage.every((c) => c.waiting === 0);
  };
  await until(covered, 'a whole audit');
  second.kill('SIGTERM');
  await new Promise((resolve) => second.once('exit', resolve));
});
