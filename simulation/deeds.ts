/** What an agent over HTTP does upon a message. */
import type { Random } from './random.ts';
import type { State } from './remote-task.ts';

/** `again`: it says its last word once more; `stranger`: it speaks of a task that nobody asked for. */
export type Deed = { state: State } | { do: 'piece' | 'again' | 'stranger' };

/** @param isAsked whether the task waited for the message. */
export const drawDeeds = (random: Random, isAsked: boolean): Deed[] => {
  const chance = random.next();
  const working: Deed[] = isAsked || random.chance(0.7) ? [{ state: 'WORKING' }] : [];
  const pieces = Array.from({ length: random.below(4) }, (): Deed => ({ do: 'piece' }));
  const doubled = (deeds: Deed[]) => deeds.flatMap((deed): Deed[] => [deed, { do: 'again' }]);
  const done: Deed[] = [...working, ...pieces, { state: 'COMPLETED' }];
  if (chance < 0.45) return done;
  if (chance < 0.65) return [...working, ...pieces, { state: 'INPUT_REQUIRED' }];
  if (chance < 0.7) return [...working, { state: 'AUTH_REQUIRED' }, ...done];
  if (chance < 0.78) return doubled(done);
  if (chance < 0.83) return [{ do: 'stranger' }, ...done];
  if (chance < 0.88) return [...pieces, { state: random.pick(['FAILED', 'REJECTED']) }];
  // It is working for ever, or does as if it had heard nothing.
  if (chance < 0.94) return [{ state: 'WORKING' }, ...pieces];
  return isAsked ? [] : done;
};
