/** Each promise is seen to be broken by a mesh that is broken on purpose: an invariant that nothing can break proves nothing. */
import { expect, test } from 'vitest';
import { invariants } from '../invariants/index.ts';
import { broken } from './broken.ts';
import { kinds } from './faults.ts';
import { defaults, simulate } from './simulate.ts';
import { serverOffers } from './tools/offers.ts';

const WITHIN = 200;
const TIMEOUT_MS = 120_000;

test.each(broken)(
  '$how: $found',
  async ({ parts, found, faults = kinds, taskAsks = defaults.taskAsks, toolAsks }) => {
    const tools = toolAsks ? { toolAsks, servers: () => serverOffers } : {};
    for (let seed = 1; seed <= WITHIN; seed++) {
      const { violations } = await simulate(seed, { parts, faults, taskAsks, ...tools });
      if (violations.some(({ invariant }) => invariant === found)) return;
    }
    expect.fail(`nothing was found in ${WITHIN} seeds`);
  },
  TIMEOUT_MS,
);

test('every invariant is found broken so', () => {
  const elsewhere = 'redelivery folds';
  expect(new Set([...broken.map(({ found }) => found), elsewhere])).toEqual(
    new Set(invariants.map(({ name }) => name)),
  );
});
