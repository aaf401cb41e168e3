/** Edits (insert, delete, replace) that turn one word into the other. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
};

/** The known name that was probably meant; undefined where none is close. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  const lower = name.slice(0, 128).toLowerCase();
  let best: string | undefined;
  let fewest = Math.min(Math.ceil(lower.length / 3) + 1, lower.length);
  for (const candidate of known) {
    if (Math.abs(candidate.length - lower.length) >= fewest) continue;
    const edits = distance(lower, candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
};

/** `; did you mean openai?`, or which names there are. */
export const suggestion = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known);
  if (near !== undefined) return `; did you mean ${near}?`;
  if (known.length === 0) return '; there are none yet';
  return `; known: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''}`;
};
