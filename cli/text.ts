/** What others wrote, made fit for a terminal and a line. */

// Control characters could move the cursor or write over lines; marks of direction could make a line read as another.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu;

/** One line of at most `max` characters. */
export const plain = (text: string, max = 200): string => {
  const line = text
    .slice(0, 4 * max)
    .replace(UNPRINTABLE, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length > max || text.length > 4 * max ? `${characters.slice(0, max - 1).join('')}…` : line;
};

/** Columns as wide as their widest cell; those of `numbers` flush right. */
export const table = (rows: readonly (readonly string[])[], numbers: readonly number[] = []): string[] => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (numbers.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
};
