/** What is different between two definitions, place by place. */
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { isObject } from './json.ts';

export interface Change {
  /** JSON pointer, RFC 6901. */
  pointer: string;
  /** Undefined: it was not there. */
  before: unknown;
  /** Undefined: it is not there any more. */
  after: unknown;
}

const segment = (name: string | number) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;

const members = (value: object): [string, unknown][] => Object.entries(value);

/** Changes in the order of their places. A place whose members can be told apart is never told as a whole. */
export const difference = (before: unknown, after: unknown, pointer = ''): Change[] => {
  const bothObjects = isObject(before) && isObject(after);
  if (bothObjects || (Array.isArray(before) && Array.isArray(after))) {
    const [old, now] = [new Map(members(before)), new Map(members(after))];
    const names = [...new Set([...old.keys(), ...now.keys()])];
    if (bothObjects) names.sort();
    return names.flatMap((name) => difference(old.get(name), now.get(name), pointer + segment(name)));
  }
  return same(before, after) ? [] : [{ pointer, before, after }];
};

const same = (before: unknown, after: unknown): boolean =>
  before === after || (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after));

const MOST = 300;

/** All of a text visible: what cannot be seen, and would be obeyed, is written by its number. */
export const visible = (text: string): string =>
  text.replaceAll(
    /(?!\n)[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );

/** A value on one line. */
export const shown = (value: unknown, max = MOST): string => {
  const characters = [...visible(canonicalJson(value))];
  return characters.length > max ? `${characters.slice(0, max - 1).join('')}…` : characters.join('');
};

/** One change, for a person to read. */
export const inWords = ({ pointer, before, after }: Change): string => {
  const at = pointer || 'the whole';
  if (before === undefined) return `${at} is new: ${shown(after)}`;
  if (after === undefined) return `${at} is gone; it was ${shown(before)}`;
  return `${at} was ${shown(before)}, is ${shown(after)}`;
};
