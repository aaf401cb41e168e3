/**
 * What meters cost. A meter whose name ends in `_` and the name of another one counts a part of it: of 100 `input_tokens`,
 * 80 may be `cached_input_tokens`. A part with a price of its own is charged at that one, and only the rest of the whole at the
 * whole's; a part without one is charged with the whole.
 */
import type { Configuration } from '../runtime/configuration.ts';

/** Counted for whoever wants to know, and charged only where they have a price. */
const FREE: ReadonlySet<string> = new Set([
  'agent_updates',
  'tool_calls',
  'tool_ms',
  'request_bytes',
  'response_bytes',
]);

/** What a tool says that a call cost it is a price already. */
const REPORTED = { reported_cost_nanos: 1 };

export type Meters = Readonly<Record<string, number>>;

export interface Cost {
  /** Billionths of the currency, rounded once. */
  costNanos: number;
  /** Whether everything that was used had a price. */
  priced: boolean;
}

/** The meter that `meter` counts a part of: of several, the nearest. Undefined: it stands for itself. */
const wholeOf = (meter: string, meters: Meters): string | undefined =>
  Object.keys(meters)
    .filter((other) => meter.endsWith(`_${other}`))
    .sort((a, b) => b.length - a.length)[0];

/** @param prices of one unit of each meter, in billionths of the currency. */
export const costOf = (meters: Meters, prices: Readonly<Record<string, number>>): Cost => {
  const nanosPer: Readonly<Record<string, number>> = { ...prices, ...REPORTED };
  const hasPrice = (meter: string) => Object.hasOwn(nanosPer, meter);
  const rest = new Map(Object.entries(meters));
  for (const [meter, amount] of Object.entries(meters)) {
    let whole = wholeOf(meter, meters);
    if (whole === undefined) continue;
    if (!hasPrice(meter)) {
      rest.delete(meter);
      continue;
    }
    while (!hasPrice(whole)) {
      const above = wholeOf(whole, meters);
      if (above === undefined) break;
      whole = above;
    }
    rest.set(whole, rest.get(whole)! - amount);
  }
  const charged = [...rest].filter(([, amount]) => amount > 0);
  const nanos = Math.round(charged.reduce((sum, [meter, amount]) => sum + amount * (nanosPer[meter] ?? 0), 0));
  // More than nine million in one call is no price, and more than the log can hold.
  if (!Number.isSafeInteger(nanos)) return { costNanos: 0, priced: false };
  return { costNanos: nanos, priced: charged.every(([meter]) => FREE.has(meter) || hasPrice(meter)) };
};

/** The prices of a target, or else of the resource it serves; none where neither has any. */
export const pricesOf = (
  { prices }: Configuration,
  target: { id: string },
  resource: { type: string; id: string },
): Readonly<Record<string, number>> => {
  const of = (name: string) => prices.find((price) => price.of === name)?.nanosPer;
  return of(target.id) ?? of(`${resource.type}/${resource.id}`) ?? {};
};
