import { expect, onTestFinished, test } from 'vitest';
import { startAsker } from './ask.ts';
import { newId } from './event.ts';
import type { Event } from './log.ts';
import { createMemoryLog, MemoryCluster } from './memory-log.ts';
import { requestForTests } from './request-for-tests.ts';

const decision = { configurationVersion: 'v1', policies: [], reason: '' };
const request = requestForTests({ id: 'r1', contextId: 'acme:c1' });
const { subject, action, resource } = request;
const envelope = { key: 'acme:c1', time: 0, correlationId: 'r1', causationId: 'r1', traceparent: '' };

test('a denial that lands after the permission of its request is not told', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const types = ['RequestPermitted', 'RequestDenied', 'RequestUnroutable'] as const;
  const asker = await startAsker(log, { topics: ['mesh.responses'], rarer: ['mesh.decisions'] }, types);
  onTestFinished(async () => {
    await asker.close();
    await log.crash();
  });
  const asked = asker.listen('r1', new AbortController().signal);
  const first = asked.next();
  const permitted: Event<'RequestPermitted'> = {
    ...{ ...envelope, id: newId(), type: 'RequestPermitted', source: 'policy' },
    data: { request, decision },
  };
  const denied: Event<'RequestDenied'> = {
    ...{ ...envelope, id: permitted.id, type: 'RequestDenied', source: 'policy' },
    data: { subject, action, resource, reason: 'POLICY', decision },
  };
  await log.append([permitted, denied]);
  expect((await first).value.type).toBe('RequestPermitted');
  const second = asked.next();
  // Told of in its order: what is on the same topic after the denial.
  await log.append([{ ...permitted, id: newId() }]);
  expect((await second).value.type).toBe('RequestPermitted');
});
