/** What the catalogue knows: a configuration, and definitions that came to be known. */
import type * as mesh from '../../../schemas/generated.ts';
import type { Configuration, ServerConfiguration } from '../../runtime/configuration.ts';
import { type Definitions, type DefinitionType, foldDefinition, noDefinitions } from '../../runtime/mcp/definitions.ts';
import { type Offered, readOffered } from './offered.ts';

export type ServerOf = Partial<Omit<ServerConfiguration, 'name'>> & { twins?: string[] };

export const configurationOf = (servers: Record<string, ServerOf>, version = 'v1'): Configuration =>
  ({
    version,
    servers: Object.entries(servers).map(([name, { twins: _, ...more }]) => ({
      name,
      connection: `mcp:${name}`,
      version: '1',
      deprecated: null,
      review: 'changes',
      callsInFlight: 10,
      ...more,
    })),
    resources: Object.entries(servers).map(([id, { twins = [] }]) => ({
      type: 'server',
      id,
      actions: ['tool.call'],
      attributes: {},
      targets: [id, ...twins].map((name, tier) => ({
        id: `mcp/${name}`,
        connection: `mcp:${name}`,
        name,
        weight: 1,
        tier,
      })),
    })),
    connections: [],
    agents: [],
    endpoints: [],
  }) as unknown as Configuration;

export const toolOf = (name: string, description = 'Does it.', more: object = {}): Offered => {
  const read = readOffered('TOOL', { name, description, inputSchema: { type: 'object' }, ...more });
  if ('reason' in read) throw new Error(read.reason);
  return read;
};

export const observedAs = (
  server: string,
  { kind, name, definition, digest }: Offered,
  findings: string[] = [],
): mesh.DefinitionObserved => ({ server, kind, name, definition, digest, findings });

export const reviewedAs = (
  server: string,
  { kind, name, definition, digest }: Offered,
  more: Partial<mesh.DefinitionReviewed> = {},
): mesh.DefinitionReviewed => ({
  server,
  kind,
  name,
  definition,
  digest,
  verdict: 'APPROVED',
  by: 'alice',
  note: '',
  ...more,
});

export const knowing = (
  observed: readonly mesh.DefinitionObserved[],
  reviewed: readonly mesh.DefinitionReviewed[] = [],
  servers: readonly mesh.ServerObserved[] = [],
): Definitions => {
  const definitions = noDefinitions();
  const fold = (type: DefinitionType) => (data: object) => foldDefinition(definitions, { type, data: data as never });
  servers.forEach(fold('ServerObserved'));
  observed.forEach(fold('DefinitionObserved'));
  reviewed.forEach(fold('DefinitionReviewed'));
  return definitions;
};
