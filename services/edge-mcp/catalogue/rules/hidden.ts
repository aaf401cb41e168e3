/** What a person who reviews a definition does not see, and a model reads. */
import type { Text } from './texts.ts';

const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const TAGS = /[\u{e0000}-\u{e007f}]/u;
const SELECTORS = /\p{Variation_Selector}/u;
const ZERO_WIDTH =
  /(?!\p{Variation_Selector}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}])\p{Default_Ignorable_Code_Point}/u;
const CONTROL = /[\p{Cc}\u{fff9}-\u{fffb}\u{fffff}]/u;
const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u;

/** How writing uses them: emoji of several parts and flags, joiners of scripts that join, marks of direction beside such scripts. */
const innocent = (text: string): string =>
  text
    .replaceAll(/\u{1f3f4}[\u{e0061}-\u{e007a}]{1,6}\u{e007f}/gu, '')
    .replaceAll(/(?<=[\d#*])\ufe0f(?=\u20e3)/gu, '')
    .replaceAll(/(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier})\ufe0f?\u200d?/gu, '')
    .replaceAll(
      /(?<=\p{Script=Arabic}|\p{Script=Devanagari}|\p{Script=Bengali}|\p{Script=Sinhala}|\p{Script=Tamil})(?:\u200c|\u200d)/gu,
      '',
    )
    .replaceAll(/[\t\n\r]/g, '')
    .replaceAll(RTL.test(text) ? /[\u200e\u200f]/gu : /(?!)/g, '');

const hex = (character: string) => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

/** Text that tags spell: U+E0041 stands for A. */
const spelled = (text: string): string =>
  [...text]
    .filter((character) => TAGS.test(character))
    .map((character) => String.fromCodePoint(character.codePointAt(0)! - 0xe0000))
    .join('')
    .replaceAll(/[^ -~]/g, '')
    .slice(0, 60);

const MIXED =
  /\p{Script=Latin}[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}]\p{Script=Latin}/u;
/** Units and formulas: a single Greek letter beside a Latin one is no disguise. */
const UNIT = /(?<!\p{L})(\p{Script=Greek}\p{Script=Latin}{1,2}|\p{Script=Latin}\p{Script=Greek})(?!\p{L})/gu;

const inText = (text: string): string[] => {
  const rest = innocent(text);
  const said = (pattern: RegExp, say: (character: string) => string) => {
    const found = pattern.exec(rest);
    return found ? [say(hex(found[0]))] : [];
  };
  return [
    ...said(ZERO_WIDTH, (at) => `has characters without width (${at}), which hide text or break up words`),
    ...said(BIDI, (at) => `has marks that turn the direction of text (${at}), so that it shows as something else`),
    ...said(TAGS, (at) => `has invisible tag characters (${at}) that spell “${spelled(rest)}”`),
    ...said(SELECTORS, (at) => `has variation selectors (${at}) where nothing varies, which can carry hidden text`),
    ...said(CONTROL, (at) => `has control characters (${at}), which a terminal obeys`),
    ...(text.includes('<!--') ? ['has an HTML comment, which is not shown where Markdown is'] : []),
    ...(/\s{60,}\S/.test(text.trimEnd()) ? ['has text behind so much space that it is out of sight'] : []),
    ...(MIXED.test(rest.replaceAll(UNIT, ''))
      ? ['mixes letters that look alike, of several scripts, in one word']
      : []),
  ];
};

/** A sentence for each thing hidden in each place. */
export const hiddenText = (texts: readonly Text[]): string[] =>
  texts.flatMap(({ pointer, text }) => inText(text).map((says) => `${pointer} ${says}`));
