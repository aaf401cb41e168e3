import { hash } from 'node:crypto';
import type { TargetConfiguration } from '../runtime/configuration.ts';

/** A number in [0, 1) that follows from the text. */
const fraction = (text: string): number => Number.parseInt(hash('sha1', text, 'hex').slice(0, 12), 16) / 2 ** 48;

/**
 * One of the targets of the lowest tier, each with the chance of its weight. The same seed chooses the same one.
 * @returns undefined when there are none.
 */
export const choose = (targets: readonly TargetConfiguration[], seed: string): TargetConfiguration | undefined => {
  const tier = Math.min(...targets.map((t) => t.tier));
  const candidates = targets.filter((t) => t.tier === tier && t.weight > 0);
  const total = candidates.reduce((sum, t) => sum + t.weight, 0);
  let left = fraction(seed) * total;
  for (const target of candidates) {
    left -= target.weight;
    if (left < 0) return target;
  }
  return candidates.at(-1);
};
