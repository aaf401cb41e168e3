import { expect, test } from 'vitest';
import { createLanes } from './lanes.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('tasks of one key run one after the other, those of others beside them', async () => {
  const lanes = createLanes({ concurrency: 10 });
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lanes.run('a', async () => {
    log.push('a1');
    await gate.promise;
    log.push('a1 done');
  });
  const second = lanes.run('a', async () => void log.push('a2'));
  await lanes.run('b', async () => void log.push('b1'));
  expect(log).toEqual(['a1', 'b1']);
  gate.resolve();
  await Promise.all([first, second]);
  expect(log).toEqual(['a1', 'b1', 'a1 done', 'a2']);
});

test('never more at once than allowed, and every one gets its turn', async () => {
  const lanes = createLanes({ concurrency: 3 });
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 20 }, (_, i) =>
    lanes.run(`k${i}`, async () => {
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
      return i;
    }),
  );
  expect(await Promise.all(tasks)).toEqual([...Array(20).keys()]);
  expect(most).toBe(3);
});

test('a failed task fails its caller and not the next one', async () => {
  const lanes = createLanes({ concurrency: 1 });
  const failing = lanes.run('a', async () => {
    throw new Error('no');
  });
  const next = lanes.run('a', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('idle is when no task is left', async () => {
  const lanes = createLanes({ concurrency: 1 });
  await lanes.idle();
  let done = false;
  void lanes.run('a', async () => {
    await turn();
    done = true;
  });
  await lanes.idle();
  expect(done).toBe(true);
});
