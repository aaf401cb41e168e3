/** What the log says of MCP servers, and what they offer. */
import { type Configuration, parseConfiguration } from '../../services/runtime/configuration.ts';
import type { Log } from '../../services/runtime/log.ts';
import {
  type Definition,
  type DefinitionKind,
  type Definitions,
  definitionOf,
  foldDefinition,
  noDefinitions,
} from '../../services/runtime/mcp/definitions.ts';

export interface Known {
  definitions: Definitions;
  /** Undefined: none was applied. */
  configuration: Configuration | undefined;
}

export const readKnown = async (log: Log): Promise<Known> => {
  const definitions = noDefinitions();
  let configuration: Configuration | undefined;
  const tail = await log.tail(
    ['mesh.configuration', 'mesh.definitions', 'mesh.reviews'],
    (record) => {
      if (record.type === 'MeshConfigured') configuration = parseConfiguration(record.data);
      if (
        record.type === 'ServerObserved' ||
        record.type === 'DefinitionObserved' ||
        record.type === 'DefinitionReviewed'
      )
        foldDefinition(definitions, record);
    },
    { from: 'beginning' },
  );
  await tail.caughtUp;
  await tail.close();
  return { definitions, configuration };
};

/** What a kind is called on the command line. */
export const kinds = {
  tool: 'TOOL',
  prompt: 'PROMPT',
  resource: 'RESOURCE',
  template: 'RESOURCE_TEMPLATE',
  instructions: 'INSTRUCTIONS',
} as const;
export type KindWord = keyof typeof kinds;
export const kindWords = Object.keys(kinds) as KindWord[];

export const wordOf = (kind: DefinitionKind): KindWord => kindWords.find((word) => kinds[word] === kind)!;

/** Of servers that are configured, in the order of their names. */
export const offeredIn = ({ definitions, configuration }: Known): Definition[] => {
  const servers = new Set(configuration?.servers.map(({ name }) => name));
  return [...definitions.all.values()]
    .filter(({ server }) => servers.has(server))
    .sort((a, b) => order(a.server, b.server) || order(a.kind, b.kind) || order(a.name, b.name));
};

/** @throws Error that says what to do, where the mesh has no such server: of it nothing would be held back. */
export const checkServer = ({ configuration }: Known, server: string): void => {
  if (!configuration?.servers.some(({ name }) => name === server))
    throw new Error(`no MCP server is called ${server}: \`parley mcp list\` shows which there are`);
};

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** @param name server/name. @throws Error that says what to do, where there is none. */
export const findDefinition = ({ definitions }: Known, name: string, word: KindWord): Definition => {
  const slash = name.indexOf('/');
  const [server, own] = [name.slice(0, Math.max(0, slash)), name.slice(slash + 1)];
  const found = definitionOf(definitions, server, kinds[word], own);
  if (found) return found;
  const other = kindWords.find((one) => definitionOf(definitions, server, kinds[one], own));
  if (other) throw new Error(`there is no ${word} ${name}, but a ${other}: add --kind ${other}`);
  throw new Error(`there is no ${word} ${name}: \`parley tools list\` shows which there are, as server/name`);
};
