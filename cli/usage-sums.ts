import type { UsageRecorded } from '../schemas/generated.ts';

export const attributes = ['unit', 'agent', 'model', 'tool', 'person', 'tenant'] as const;
export type Attribute = (typeof attributes)[number];

/** What was used by, or of, one of an attribute. */
export interface UsageSum {
  name: string;
  calls: number;
  meters: Record<string, number>;
  /** Billionths, by currency. */
  costNanos: Record<string, number>;
  /** Calls whose meters the mesh counted itself. */
  estimated: number;
  /** Calls of which something had no price. */
  unpriced: number;
}

/** Undefined: it is not about such a thing, as a tool call is not about a model. */
const nameOf = ({ subject, resource }: UsageRecorded, by: Attribute): string | undefined => {
  if (by === 'model' || by === 'tool') return resource.type === by ? resource.id : undefined;
  return subject[by];
};

const add = (sums: Record<string, number>, name: string, amount: number) => {
  sums[name] = (sums[name] ?? 0) + amount;
};

const nothing = (name: string): UsageSum => ({
  name,
  calls: 0,
  meters: {},
  costNanos: {},
  estimated: 0,
  unpriced: 0,
});

/** Sums by an attribute. */
export class UsageSums {
  readonly #by: Attribute;
  readonly #sums = new Map<string, UsageSum>();

  constructor(by: Attribute) {
    this.#by = by;
  }

  add(usage: UsageRecorded): void {
    const name = nameOf(usage, this.#by);
    if (name === undefined) return;
    const sum = this.#sums.get(name) ?? nothing(name);
    this.#sums.set(name, sum);
    sum.calls += 1;
    for (const [meter, amount] of Object.entries(usage.meters)) add(sum.meters, meter, amount);
    add(sum.costNanos, usage.currency, usage.costNanos);
    if (usage.estimated) sum.estimated += 1;
    if (!usage.priced) sum.unpriced += 1;
  }

  /** The dearest first, then the most called. */
  all(): UsageSum[] {
    const cost = ({ costNanos }: UsageSum) => Object.values(costNanos).reduce((sum, nanos) => sum + nanos, 0);
    return [...this.#sums.values()].sort(
      (a, b) => cost(b) - cost(a) || b.calls - a.calls || a.name.localeCompare(b.name),
    );
  }
}
