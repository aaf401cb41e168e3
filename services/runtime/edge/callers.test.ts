import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { type Configuration, hashOfKey } from '../configuration.ts';
import type { Recorded } from '../log.ts';
import { createMemoryLog, MemoryCluster } from '../memory-log.ts';
import { signing } from '../signing-for-tests.ts';
import { actorToken } from './actor-token.ts';
import { callerByToken, createCallers, subjectOf } from './callers.ts';

const subject = { tenant: 'acme', unit: 'research', agent: 'planner', person: 'owner@example.com' };
const inForce = {
  credentials: [{ id: 'first', hash: hashOfKey('sk-first'), subject, revoked: false, expiresAt: null }],
} as unknown as Configuration;

test('a caller asks by itself; who is turned away is on record, as turned away by the edge that it called', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const failed: Recorded<'AuthenticationFailed'>[] = [];
  const see = (record: unknown) => failed.push(record as Recorded<'AuthenticationFailed'>);
  await log.tail(['mesh.requests'], see, { from: 'beginning', types: ['AuthenticationFailed'] });
  const callers = createCallers('edge-a2a', log, pino({ level: 'silent' }), Date.now);
  onTestFinished(async () => {
    callers.close();
    await log.close();
  });
  const via = { protocol: 'a2a', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

  const { caller } = callers.identify('Bearer sk-first', inForce, via);
  expect(caller && subjectOf(caller)).toEqual({ ...subject, credential: 'first', actors: [] });
  expect(callers.identify('Bearer sk-other', inForce, via)).toEqual({ problem: 'unknown' });
  while (failed.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatchObject({ source: 'edge-a2a', data: { protocol: 'a2a', reason: 'unknown', count: 1 } });
  expect(failed[0]!.traceparent).toBe(via.traceparent);
});

test('what a caller was asked to do by others is theirs', async () => {
  const [credential] = inForce.credentials;
  const person = 'someone@example.com';
  const actor = { agent: 'planner', person, actors: ['front', 'router'], contextId: 'c-1', taskId: 'task-1' };
  const times = { now: Date.now(), expiresAt: Date.now() + 60_000 };
  const token = await actorToken(signing.signJwt, actor, times);
  const { caller, contextId } = await callerByToken(signing.verifyJwt, token, credential!);
  expect({ contextId, parentTaskId: caller.chain.parentTaskId }).toEqual({ contextId: 'c-1', parentTaskId: 'task-1' });
  expect(subjectOf(caller)).toEqual({
    ...subject,
    person,
    credential: 'first',
    actors: ['front', 'router'],
  });
});
