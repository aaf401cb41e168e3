import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Log } from '../../../runtime/log.ts';
import { createMemoryLog } from '../../../runtime/memory-log.ts';
import { takeUp } from './continuation.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const waiting = { taskId: 't', contextId: 'c', since: 0 };
const withTail = async (tail: Log['tail']): Promise<Log> => ({ ...(await createMemoryLog()), tail });

// A rejection that nobody awaits any more would end the process.
test('a log that cannot be read is told of, and nothing is left to come after that', async () => {
  const log = await withTail(async () => {
    throw new Error('no broker');
  });
  await expect(takeUp(log, waiting)).rejects.toMatchObject({ code: 'PARLEY_LOG_UNAVAILABLE' });
  expect(vi.getTimerCount()).toBe(0);
});

test('a log that does not answer is waited for so long, and no longer', async () => {
  const log = await withTail(() => new Promise(() => {}));
  const taken = takeUp(log, waiting);
  void vi.advanceTimersToNextTimerAsync();
  await expect(taken).rejects.toMatchObject({ code: 'PARLEY_LOG_UNAVAILABLE' });
});
