/** What Cedar policies name. Pure. */

const STRING_OR_COMMENT = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*/gs;

/**
 * Whether policies may tell a resource from others of its kind, parents and tags: only by naming it, as an id can be compared
 * with a literal and in no other way.
 * @param texts of the policies.
 */
export const mentionedIn = (texts: readonly string[]): ((id: string) => boolean) => {
  const strings = texts.flatMap((text) => text.match(STRING_OR_COMMENT) ?? []).filter((found) => found.startsWith('"'));
  // One that is written with escapes may be any.
  if (strings.some((string) => string.includes('\\'))) return () => true;
  const named = new Set(strings.map((string) => string.slice(1, -1)));
  return (id) => named.has(id);
};
