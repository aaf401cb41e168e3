import { expect, test } from 'vitest';
import { Abandoned } from '../../runtime/outbound/faults.ts';
import type { Tenure } from '../../runtime/outbound/tenures.ts';
import { createCancellations } from './cancellations.ts';

const times = { answerMs: 1_000, knownMs: 1_000 };
const remote = { taskId: 'theirs', contextId: '' };
const cancel = { id: 'c1', key: 'acme:c1', data: { taskId: 'ours', agent: 'helper', reason: '' } };

test('a cancellation that an earlier tenure began, and may never tell of, is begun again by the next', async () => {
  const asked: string[] = [];
  const client = { cancel: async (taskId: string) => void asked.push(taskId) };
  const cancellations = createCancellations(
    {
      agents: { connectionOf: () => ({}), clientOf: async () => client },
      followers: { of: () => undefined },
      tasks: { of: () => undefined, remoteOf: () => ({ remote }) },
    } as never,
    times,
  );
  const tenure = (untilOurs: (signal: AbortSignal) => Promise<void>) => {
    const over = new AbortController();
    const { signal } = over;
    const logger = { info: () => {}, error: () => {} };
    const context = { logger, now: Date.now };
    return { over, tenure: { signal, context, untilOurs: () => untilOurs(signal) } as unknown as Tenure };
  };
  const end = Promise.withResolvers<void>();
  const first = tenure(() => end.promise);
  cancellations.begin(cancel as never, first.tenure);
  cancellations.begin(cancel as never, first.tenure);
  first.over.abort(new Abandoned('lost'));
  cancellations.begin(cancel as never, tenure(async () => {}).tenure);
  end.reject(new Abandoned('lost'));
  await cancellations.idle();
  expect(asked).toEqual(['theirs']);
});
