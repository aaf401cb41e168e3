/** Names that can be taken for those of other servers, and texts about what is theirs. */
import type { DefinitionKind } from '../../../runtime/mcp/definitions.ts';
import { asRead, quoted, skeletonOf, type Text } from './texts.ts';

/** What something else is called. */
export interface Neighbour {
  server: string;
  kind: DefinitionKind;
  name: string;
}

/** What other servers offer, ready to be looked up. */
export interface Neighbours {
  /** What can be taken for this name. */
  alike(kind: DefinitionKind, name: string): Neighbour | undefined;
  /** What is called so, of the names that are no everyday words. */
  called(name: string): Neighbour | undefined;
}

/** URIs are compared as they are: whoever asks for one gets that of the first server that has it. */
const isNamed = (kind: DefinitionKind) => kind === 'TOOL' || kind === 'PROMPT';
const likeness = (kind: DefinitionKind, name: string) =>
  `${kind} ${isNamed(kind) ? skeletonOf(name) : name.normalize('NFKC')}`;

/** read_file, readFile and read-file say what they are; search is a word. */
const isDistinctive = (name: string) => name.length >= 5 && /[\p{L}\d][_.:/-][\p{L}\d]|\p{Ll}\p{Lu}/u.test(name);

export interface Index {
  add(one: Neighbour): void;
  /** @param kin servers that are not other servers. */
  besides(kin: ReadonlySet<string>): Neighbours;
}

export const indexOf = (all: Iterable<Neighbour>): Index => {
  const alike = new Map<string, Neighbour[]>();
  const called = new Map<string, Neighbour[]>();
  const put = (map: Map<string, Neighbour[]>, key: string, one: Neighbour) => {
    const there = map.get(key);
    if (there) there.push(one);
    else map.set(key, [one]);
  };
  const add = (one: Neighbour) => {
    put(alike, likeness(one.kind, one.name), one);
    if (one.kind === 'TOOL' && isDistinctive(one.name)) put(called, one.name.toLowerCase(), one);
  };
  for (const one of all) add(one);
  return {
    add,
    besides: (kin) => {
      const other = ({ server }: Neighbour) => !kin.has(server);
      return {
        // Every server's instructions are called the same.
        alike: (kind, name) => (kind === 'INSTRUCTIONS' ? undefined : alike.get(likeness(kind, name))?.find(other)),
        called: (name) => called.get(name.toLowerCase())?.find(other),
      };
    },
  };
};

const thing = {
  TOOL: 'tool',
  PROMPT: 'prompt',
  RESOURCE: 'resource',
  RESOURCE_TEMPLATE: 'resource template',
  INSTRUCTIONS: 'text',
} as const;

const MOST_TOLD = 5;

/** @param own names of the same server, lower case: of those it may speak. */
export const shadowing = (
  { kind, name }: { kind: DefinitionKind; name: string },
  texts: readonly Text[],
  own: ReadonlySet<string>,
  neighbours: Neighbours,
): string[] => {
  const other = neighbours.alike(kind, name);
  const mentions = new Map<string, string>();
  for (const { pointer, text, prose } of texts) {
    if (!prose) continue;
    for (const [word] of asRead(text).matchAll(/[\p{L}\d][\p{L}\d_.:/-]{4,200}/gu)) {
      const mentioned = own.has(word) ? undefined : neighbours.called(word.replace(/[.:/-]+$/, ''));
      if (mentioned && !mentions.has(mentioned.name) && mentions.size < MOST_TOLD)
        mentions.set(
          mentioned.name,
          `${pointer} speaks of ${mentioned.name}, a tool of the server ${mentioned.server}`,
        );
    }
  }
  return [
    ...(other && other.name === name ? [`its name is that of a ${thing[kind]} of the server ${other.server}`] : []),
    ...(other && other.name !== name
      ? [`its name can be taken for ${quoted(other.name)}, a ${thing[kind]} of the server ${other.server}`]
      : []),
    ...mentions.values(),
  ];
};
