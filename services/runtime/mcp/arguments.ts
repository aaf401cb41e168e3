/**
 * The arguments of a call as policies test them: by dotted path, as text. `{"options": {"force": true}, "paths": ["/a"]}` is
 * `options.force` "true" and `paths.0` "/a". A dot or backslash in a name is written with a backslash before it, so that no
 * argument can stand in for another. Half of a surrogate pair, which UTF-8 cannot hold, is `\ud800` in a name and U+FFFD in text.
 */
const MAX_DEPTH = 64;

const escaped = (name: string): string =>
  name.replace(/[\\.]/g, '\\$&').replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);

export const argumentsOf = (given: unknown): Record<string, string> => {
  const found: [string, string][] = [];
  const walk = (value: unknown, path: string, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) {
      found.push([path, typeof value === 'string' ? value.toWellFormed() : JSON.stringify(value)]);
      return;
    }
    for (const [name, member] of Object.entries(value))
      walk(member, depth === 0 ? escaped(name) : `${path}.${escaped(name)}`, depth + 1);
  };
  if (typeof given === 'object' && given !== null) walk(given, '', 0);
  return Object.fromEntries(found);
};
