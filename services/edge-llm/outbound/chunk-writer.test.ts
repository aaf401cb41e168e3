import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Event } from '../../runtime/log.ts';
import { createChunkWriter } from './chunk-writer.ts';

type Chunk = Event<'ResponseChunk'>;
const eventOf = (index: number, payload: Buffer) => ({ data: { index, attempt: 1, payload } }) as Chunk;
const textOf = (events: readonly Chunk[]) => events.map(({ data }) => `${data.index}${data.payload}`);

const writer = (everyMs: number, append: (events: Chunk[]) => Promise<void> = async () => {}) => {
  const appended: string[] = [];
  const own = createChunkWriter(
    async (events) => {
      appended.push(...textOf(events));
      await append(events);
    },
    eventOf,
    everyMs,
  );
  return { own, appended };
};

test('the first part at once, later ones gathered, the rest left to whoever ends it', async () => {
  const { own, appended } = writer(200);
  await own.write(Buffer.from('a'));
  expect(appended).toEqual(['0a']);
  await own.write(Buffer.from('b'));
  await own.write(Buffer.from('c'));
  expect(appended).toEqual(['0a']);
  await sleep(400);
  expect(appended).toEqual(['0a', '1bc']);
  await own.write(Buffer.from('d'));
  await own.write(Buffer.from('e'));
  const rest = await own.end();
  expect([...appended, ...textOf(rest)].join('').replace(/\d/g, '')).toBe('abcde');
  expect(own.count()).toBe(appended.length + rest.length);
});

test('one append at a time, in order, however slow', async () => {
  let running = 0;
  const { own, appended } = writer(0, async () => {
    expect(++running).toBe(1);
    await sleep(5);
    running -= 1;
  });
  for (const part of 'abcdefghij') {
    await own.write(Buffer.from(part));
    await sleep(2);
  }
  const all = [...appended, ...textOf(await own.end())];
  expect(all.map((c) => c.replace(/^\d+/, '')).join('')).toBe('abcdefghij');
  expect(all.map((c) => Number(/^\d+/.exec(c)))).toEqual(all.map((_, i) => i));
});

test('much that is unwritten makes the writer wait', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { own } = writer(1, () => promise);
  await own.write(Buffer.from('a'));
  let written = false;
  const writing = own.write(Buffer.alloc(2_000_000)).then(() => {
    written = true;
  });
  await sleep(20);
  expect(written).toBe(false);
  resolve();
  await writing;
});

test('a failed append is the next caller’s, and nothing is appended after it', async () => {
  const { own, appended } = writer(0, async () => {
    throw new Error('no log');
  });
  await own.write(Buffer.from('a'));
  await sleep(5);
  await expect(own.write(Buffer.from('b'))).rejects.toThrow('no log');
  await expect(own.end()).rejects.toThrow('no log');
  expect(appended).toEqual(['0a']);
});

test('ended, it appends nothing by itself', async () => {
  const { own, appended } = writer(5);
  await own.write(Buffer.from('a'));
  await own.write(Buffer.from('b'));
  expect(textOf(await own.end())).toEqual(['1b']);
  await sleep(20);
  expect(appended).toEqual(['0a']);
});
