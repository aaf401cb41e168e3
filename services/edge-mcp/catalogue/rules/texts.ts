/** The texts of a definition, and how they read to a model, which sees through spacing and look-alike letters. */
import { isObject } from '../json.ts';

export interface Text {
  /** JSON pointer. */
  pointer: string;
  text: string;
  /** Whether people and models read it as a text about something, and not as a value. */
  prose: boolean;
}

const LONGEST_SEGMENT = 80;
const codeOf = (character: string) => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

/** A step of a pointer that may be shown: a key may itself be what hides something. */
export const segment = (name: string): string =>
  `/${name
    .slice(0, LONGEST_SEGMENT)
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/gu, (character) => `(${codeOf(character)})`)}`;

const prose: ReadonlySet<string> = new Set(['description', 'title', 'instructions', '$comment']);

/** Every string of a value, keys included: a model reads those of a schema too. */
export const textsOf = (value: unknown, longest = Number.POSITIVE_INFINITY): Text[] => {
  let left = longest;
  return everyText(value, '', '').flatMap((one) => {
    const text = one.text.slice(0, left);
    left -= text.length;
    return text === '' ? [] : [{ ...one, text }];
  });
};

const everyText = (value: unknown, pointer: string, key: string): Text[] => {
  if (typeof value === 'string') return [{ pointer, text: value, prose: prose.has(key) }];
  if (Array.isArray(value)) return value.flatMap((one, i) => everyText(one, `${pointer}/${i}`, key));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = pointer + segment(name);
    return [{ pointer: at, text: name, prose: false }, ...everyText(member, at, name)];
  });
};

/** What has no width, or no glyph, and so can be put between letters unseen. */
export const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Letters of other scripts that read as Latin ones, of those that fonts draw alike: a small part of Unicode's confusables.txt
 * (UTS 39). NFKC has already taken care of full-width, mathematical and circled letters.
 */
const lookAlikes = new Map(
  Object.entries({
    a: 'аɑαᴀ',
    b: 'ЬьВʙ',
    c: 'сϲᴄⅽ',
    d: 'ԁɗⅾ',
    e: 'еҽєεᴇ',
    f: 'ſƒ',
    g: 'ɡց',
    h: 'һНнʜ',
    i: 'іıιɩӏ',
    j: 'јϳ',
    k: 'кκᴋ',
    l: 'ⅼ',
    m: 'мⅿᴍ',
    n: 'ոпռ',
    o: 'оοօσ०٥ᴏ',
    p: 'рρ',
    q: 'ԛզ',
    r: 'гᴦʀ',
    s: 'ѕꜱ',
    t: 'тτᴛ',
    u: 'υսᴜ',
    v: 'ѵνᴠⅴ',
    w: 'ԝωѡᴡ',
    x: 'хχⅹ',
    y: 'уүγʏ',
    z: 'ᴢ',
  }).flatMap(([latin, others]) => [...others].map((other) => [other.toLowerCase(), latin] as const)),
);

/** As it reads: in small Latin letters as far as it looks so, on one line, without what cannot be seen. */
export const asRead = (text: string): string =>
  [...text.normalize('NFKC').replaceAll(invisible, '').toLowerCase()]
    .map((character) => lookAlikes.get(character) ?? character)
    .join('')
    .normalize('NFD')
    .replaceAll(/\p{Mn}/gu, '')
    .replaceAll(/\s+/g, ' ');

/** The words of a name: `apiKey`, `api_key` and `API-key` are `api key`. */
export const wordsOf = (name: string): string =>
  asRead(
    name
      .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
      .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
      .replaceAll(/[^\p{L}\d]+/gu, ' '),
  ).trim();

/** Two names with the same one can be taken for each other: whatever their case, separators and look-alike letters and digits. */
export const skeletonOf = (name: string): string =>
  asRead(name)
    .replaceAll(/[^\p{L}\d]/gu, '')
    .replaceAll('0', 'o')
    .replaceAll(/[1i]/g, 'l')
    .replaceAll('5', 's')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');

const MOST = 90;

/** A piece of a text that may be shown. */
export const quoted = (text: string): string => {
  const characters = [...text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()];
  return `“${characters.length > MOST ? `${characters.slice(0, MOST - 1).join('')}…` : characters.join('')}”`;
};
