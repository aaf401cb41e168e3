import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { contextForTests } from '../../runtime/context-for-tests.ts';
import { happened } from '../../runtime/given.ts';
import type { Consumer } from '../../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../../runtime/memory-log.ts';
import { startRenewals } from './renewals.ts';

test('what is still to be settled when its partition is another’s keeps nobody from stopping', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  let consumer: Consumer | undefined;
  let isOurs = true;
  const consume = async (_group: string, _topics: readonly string[], given: Consumer) => {
    consumer = given;
    return { owns: () => isOurs, close: async () => {} };
  };
  const context = contextForTests({ ...log, consume } as never);
  const first = Promise.withResolvers<void>();
  let settled = 0;
  const catchUp = async () => {
    settled += 1;
    await first.promise;
  };
  const renewals = await startRenewals(context, { catchUp, of: () => undefined } as never, {} as never);
  await consumer!.assigned?.([{ partition: 0 }] as never);
  const refused = happened('LoginRefused', { server: 'one', login: 'l' } as never, { partition: 0 } as never);
  const handled = [refused, refused].map((record) => Promise.resolve(consumer!.handle(record)).catch(() => {}));
  while (settled === 0) await sleep(1);
  isOurs = false;
  consumer!.revoked?.([0]);
  first.resolve();
  await handled[0];
  // The other's turn has come.
  await sleep(0);
  await Promise.all([...handled, renewals.stop()]);
  expect(settled).toBe(1);
  await log.crash();
});
