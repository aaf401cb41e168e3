/** How often each name comes, the most frequent first. Pure. */
export type Counts = Record<string, number>;

export const countBy = <T>(items: readonly T[], nameOf: (item: T) => string): Counts => {
  const groups = Map.groupBy(items, nameOf);
  return Object.fromEntries([...groups].map(([name, of]) => [name, of.length] as const).sort((a, b) => b[1] - a[1]));
};

/** In words. */
export const listed = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';
