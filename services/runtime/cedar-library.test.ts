import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { loadCedar } from './cedar-library.ts';

test('each is its own, and nothing keeps one that is no longer used', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  expect(loadCedar()).not.toBe(loadCedar());
  const loaded = Array.from({ length: 4 }, () => new WeakRef(loadCedar()));
  // A target of a WeakRef lives at least until the end of the turn that made it.
  await turn();
  collect();
  expect(loaded.filter((cedar) => cedar.deref() !== undefined)).toEqual([]);
  const { cache } = createRequire(import.meta.url);
  expect(Object.keys(cache).filter((path) => path.includes('cedar-wasm'))).toEqual([]);
});
