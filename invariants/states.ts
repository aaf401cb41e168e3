import { isDeepStrictEqual } from 'node:util';
import type { StateTwice } from './evidence.ts';
import { invariant } from './reading.ts';

function* differing(states: readonly StateTwice[] = []) {
  for (const { what, held, rebuilt } of states)
    if (!isDeepStrictEqual(held, rebuilt)) {
      const message = `${what} is ${JSON.stringify(held)}, and the log says ${JSON.stringify(rebuilt)}`;
      yield { contextId: '', requestId: '', message };
    }
}

/** State rebuilt from the log equals the state that is held. */
export const stateFromLog = invariant('state from the log', ({ states }) => differing(states));

/** Events that are there twice, or delivered again, fold to the same state. */
export const redeliveryFolds = invariant('redelivery folds', ({ redeliveries }) => differing(redeliveries));
