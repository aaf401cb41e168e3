import type { Finding } from './problem.ts';
import { select } from './references.ts';

const maxReached = 32;

/** Fallbacks by model, whatever the shape of the file. */
const fallbackNames = (file: unknown): Map<string, string[]> =>
  new Map(
    select(file, ['models', '*']).map(({ path: [, model], value }) => [
      String(model),
      select(value, ['fallbacks', '*']).flatMap(({ value }) => (typeof value === 'string' ? [value] : [])),
    ]),
  );

/** A model and all that it falls back to, in the order of use: its own fallbacks, each followed by those of that one. */
export const fallbackOrder = (model: string, fallbacksOf: (model: string) => readonly string[]): string[] => {
  const order = new Set<string>();
  const next = [model];
  while (next.length > 0 && order.size <= maxReached) {
    const one = next.pop()!;
    if (order.has(one)) continue;
    order.add(one);
    next.push(...fallbacksOf(one).toReversed());
  }
  return [...order];
};

/** Each cycle once, at the first of its models in the file; and chains too long to be meant. */
export const fallbackFindings = (file: unknown): Finding[] => {
  const fallbacks = fallbackNames(file);
  const fallbacksOf = (model: string) => fallbacks.get(model) ?? [];
  const findings: Finding[] = [];
  const done = new Set<string>();
  const finding = (model: string, message: string) => findings.push({ path: ['models', model, 'fallbacks'], message });

  const visit = (model: string, trail: readonly string[]) => {
    if (done.has(model) || trail.length > maxReached) return;
    const from = trail.indexOf(model);
    if (from >= 0) finding(trail[from]!, `cycle ${[...trail.slice(from), model].join(' → ')}`);
    else for (const next of fallbacksOf(model)) visit(next, [...trail, model]);
    if (from < 0) done.add(model);
  };
  for (const model of fallbacks.keys()) visit(model, []);
  if (findings.length > 0) return findings;
  for (const model of fallbacks.keys())
    if (fallbackOrder(model, fallbacksOf).length > maxReached)
      finding(model, `lead to more than ${maxReached - 1} other models`);
  return findings;
};
