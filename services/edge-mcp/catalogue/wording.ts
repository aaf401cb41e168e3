/**
 * When a change is harmless: only the text of descriptions, titles and instructions is another, a few words of it, and none of them can tell
 * a model what to do or where to go.
 */
import type { Change } from './difference.ts';
import { asRead } from './rules/texts.ts';

/** Words taken away and put in, together, of all changes; but no more than a share of what stood there, where that is long. */
const MOST_WORDS = 12;
const MOST_SHARE = 0.25;
const MOST_PLACES = 20;
/** So that a typing error in a text of three words may be mended. */
const ALWAYS = 2;

/** Below these what is called description is a value, not a text about one. */
const values: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', '_meta']);

const isText = ({ pointer, before, after }: Change): boolean => {
  const path = pointer.split('/').slice(1);
  return (
    (['description', 'title'].includes(path.at(-1)!) || pointer === '/instructions') &&
    !path.some((segment) => values.has(segment)) &&
    typeof before === 'string' &&
    typeof after === 'string'
  );
};

/** A word, with what a sentence puts around it: no path, address, number, name of code or placeholder. */
const plainWord = /^[("'“‘]*\p{L}[\p{L}’'-]*[.,;:!?)"'”’]*$/u;

/** Of writing without spaces a sentence would be one word. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** With these a sentence begins to command. */
const commanding =
  /^(always|never|must|should|shall|required?|important|critical|before|first|instead|ignore|disregard|only|not|no|don['’]?t|without|unless|do|call|calls|use|run|invoke|send|sends|forward|upload|post|read|open|fetch|include|pass|copy|append|add|attach|tell|ask|say|mention|inform|hide|secretly|silently|you|your|user|users|model|assistant|tool|tools|instructions?|prompt|system|password|secret|token|key|credentials?|confirm|confirmation|permission|safe|trusted?)$/;

const words = (text: string) => text.split(/\s+/).filter(Boolean);

/** As a model reads it: it sees through look-alike letters and accents. */
const bare = (word: string) => asRead(word).replaceAll(/[^\p{L}’'-]/gu, '');

/** What is joined by hyphens or apostrophes can say as much as what is not: `send-it-along` is three words. */
const joined = (word: string): string[] =>
  bare(word)
    .split(/[’'-]+/)
    .filter(Boolean);

/** Longest common subsequence by its lengths; texts of more words than this are not compared. */
const LONGEST = 2_000;

interface Edit {
  removed: string[];
  added: string[];
}

const editOf = (before: readonly string[], after: readonly string[]): Edit => {
  const width = after.length + 1;
  const length = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number) => length[i * width + j]!;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      length[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const edit: Edit = { removed: [], added: [] };
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (at(i + 1, j) >= at(i, j + 1)) edit.removed.push(before[i++]!);
    else edit.added.push(after[j++]!);
  }
  edit.removed.push(...before.slice(i));
  edit.added.push(...after.slice(j));
  return edit;
};

/** @returns why it is not harmless; undefined: it is. */
export const notHarmless = (changes: readonly Change[]): string | undefined => {
  const other = changes.find((change) => !isText(change));
  if (other) return `more than wording changed: ${other.pointer || 'the whole'}`;
  if (changes.length > MOST_PLACES) return `${changes.length} places changed`;
  let edited = 0;
  let standing = 0;
  for (const { pointer, before, after } of changes) {
    const [old, now] = [words(before as string), words(after as string)];
    if (old.length > LONGEST || now.length > LONGEST) return `${pointer} is too long to be compared word by word`;
    const { removed, added } = editOf(old, now);
    const odd = added.find((word) => !plainWord.test(word) || unspaced.test(word));
    if (odd !== undefined) return `${pointer} has something new in it that is no plain word`;
    const all = [...added, ...removed];
    const command = all.flatMap((word) => [bare(word), ...joined(word)]).find((word) => commanding.test(word));
    if (command !== undefined) return `${pointer} changed by a word that can command: ${command}`;
    edited += all.flatMap(joined).length;
    standing += old.length;
  }
  return edited > Math.max(ALWAYS, Math.min(MOST_WORDS, MOST_SHARE * standing))
    ? `${edited} words changed, of ${standing}`
    : undefined;
};
