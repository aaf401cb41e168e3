/** A key may name a request that another replica has stated, and that has ended, before this one hears of the key. */
import { afterEach, expect, test } from 'vitest';
import { startAsker } from '../../../runtime/ask.ts';
import { contextForTests } from '../../../runtime/context-for-tests.ts';
import type { Recorded } from '../../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../../runtime/memory-log.ts';
import { requestForTests } from '../../../runtime/request-for-tests.ts';
import { heard, heardTypes } from '../events.ts';
import { meshOf, text } from '../harness.ts';
import { followTasks } from './follow.ts';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

test('a task whose request had ended before its key was used here is known to have ended', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const asker = await startAsker(log, heard, heardTypes);
  undo.push(
    () => log.crash(),
    () => asker.close(),
  );
  const { logger, now } = contextForTests(log);
  const tasks = followTasks(log, asker, logger, now);
  const request = requestForTests({ id: 'r', contextId: 'c', protocol: 'mcp' });
  const received = { id: 'r', key: 'c', correlationId: 'r', traceparent: '', time: now(), data: { request } };
  await meshOf(log, received as unknown as Recorded<'RequestReceived'>).complete(text('done'));
  const ended = Promise.withResolvers<void>();
  const ref = { request: 'r', contextId: 'c', tenant: 't', agent: 'a', endpoint: 'e', tool: 'x', begun: now() };
  const task = { ...ref, deadline: now() + 60_000 };
  tasks.begin(task, true, () => new Error(), ended.resolve);
  expect((await tasks.find(task, () => new Error())).end).toMatchObject({ status: 'completed' });
  await ended.promise;
});
