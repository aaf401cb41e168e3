/** What the mesh's rules find suspicious in a definition: sentences for those who review it. */
import { isObject } from './json.ts';
import type { Offered } from './offered.ts';
import { destinations } from './rules/destinations.ts';
import { exfiltration } from './rules/exfiltration.ts';
import { hiddenText } from './rules/hidden.ts';
import { injectedInstructions } from './rules/instructions.ts';
import { indexOf, type Neighbours, shadowing } from './rules/shadowing.ts';
import { quoted, textsOf } from './rules/texts.ts';

/** What is known beside a definition. */
export interface Surroundings {
  /** Names of its own server, lower case. */
  own: ReadonlySet<string>;
  neighbours: Neighbours;
}

export const alone: Surroundings = { own: new Set(), neighbours: indexOf([]).besides(new Set()) };

const MOST = 20;
/** Characters of all texts of a definition, of which no person and no rule reads more. */
export const MOST_TEXT = 100_000;

/** MCP 2025-11-25, tools, tool names. */
const TOOL_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** A text that models read and that is no definition, such as a server's instructions. */
export const assessText = (pointer: string, text: string): string[] => {
  const texts = [{ pointer, text: text.slice(0, MOST_TEXT), prose: true }];
  return [
    ...(text.length > MOST_TEXT ? [`${pointer} are longer than ${MOST_TEXT} characters: more than anybody reads`] : []),
    ...injectedInstructions(texts),
    ...hiddenText(texts),
    ...destinations(texts),
  ].slice(0, MOST);
};

/** Sentences, those about the whole first; none: nothing is suspicious. */
export const assess = (
  { kind, name, definition, times }: Omit<Offered, 'digest'>,
  { own, neighbours }: Surroundings = alone,
): string[] => {
  const value: unknown = JSON.parse(definition.toString());
  const texts = textsOf(value, MOST_TEXT);
  const findings = [
    ...(definition.length > MOST_TEXT ? [`it is larger than ${MOST_TEXT} bytes: more than anybody reads`] : []),
    ...(times > 1 ? [`its server lists it ${times} times: the first is taken`] : []),
    ...(kind === 'TOOL' && !TOOL_NAME.test(name) ? [`its name is none that MCP allows: ${quoted(name)}`] : []),
    ...shadowing({ kind, name }, texts, own, neighbours),
    ...injectedInstructions(texts),
    ...hiddenText(texts),
    ...exfiltration(isObject(value) ? value : {}),
    ...destinations(texts),
  ];
  const more = findings.length - MOST;
  return more > 0 ? [...findings.slice(0, MOST), `and ${more} more`] : findings;
};
