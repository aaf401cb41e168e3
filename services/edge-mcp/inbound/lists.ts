/** What the mesh answers by itself: lists, and what an endpoint says of itself. Pure. */
import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type Definitions, instructionsInForce } from '../../runtime/mcp/definitions.ts';
import type { Names } from './names.ts';
import { invalidParams } from './problems.ts';
import type { Seen } from './visible.ts';

const PAGE = 500;
/** How long a client may go by a list without asking again; it is told of changes where it listens. */
export const TTL_MS = 5_000;
export const caching = { ttlMs: TTL_MS, cacheScope: 'private' } as const;

interface Listed {
  name: string;
  shown: Record<string, unknown>;
}

const listed = {
  'tools/list': ({ tools, agents }: Seen): readonly Listed[] => [...tools, ...agents],
  'prompts/list': ({ prompts }: Seen): readonly Listed[] => prompts,
  'resources/list': ({ resources }: Seen): readonly Listed[] => resources,
  'resources/templates/list': ({ templates }: Seen): readonly Listed[] => templates,
} as const;
type ListMethod = keyof typeof listed;
const memberOf: Record<ListMethod, string> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
};

export const isList = (method: string): method is ListMethod => Object.hasOwn(listed, method);

/** Where a page begins: after so many, the last of which had this name. */
const cursor = z.tuple([z.number().int().positive(), z.string()]);

const writeCursor = (after: number, { name }: Listed): string =>
  Buffer.from(JSON.stringify([after, name])).toString('base64url');

/** A list that changed in between goes on after the same name, or else at the same place. @throws McpProblem */
const startOf = (offers: readonly Listed[], text: string): number => {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw invalidParams('Invalid cursor');
  }
  const parsed = cursor.safeParse(read);
  if (!parsed.success) throw invalidParams('Invalid cursor');
  const [after, name] = parsed.data;
  if (offers[after - 1]?.name === name) return after;
  const found = offers.findIndex((offer) => offer.name === name);
  return found < 0 ? after : found + 1;
};

/** @throws McpProblem where the cursor is none of the mesh's */
export const listOf = (seen: Seen, method: ListMethod, params: unknown, page = PAGE): Record<string, unknown> => {
  const parsed = z.looseObject({ cursor: z.string().optional() }).safeParse(params ?? {});
  if (!parsed.success) throw invalidParams('Invalid cursor');
  const offers = listed[method](seen);
  const start = parsed.data.cursor === undefined ? 0 : startOf(offers, parsed.data.cursor);
  const end = start + page;
  const last = offers[end - 1];
  return {
    [memberOf[method]]: offers.slice(start, end).map(({ shown }) => shown),
    ...(offers.length > end && last ? { nextCursor: writeCursor(end, last) } : {}),
  };
};

const json = (bytes: Uint8Array): Record<string, unknown> => {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
};

/** A caller that sees nothing yet may see something later: capabilities are the endpoint's, the same for all. */
export const capabilitiesOf = (names: Names, { servers }: Definitions): ServerCapabilities => {
  const said = names.servers.map((server) => json(servers.get(server)?.capabilities ?? Buffer.from('{}')));
  const any = (test: (capabilities: Record<string, unknown>) => boolean) => said.some(test);
  const hasResources = any(({ resources }) => resources !== undefined);
  return {
    tools: { listChanged: true },
    ...(names.prompts.size > 0 || any(({ prompts }) => prompts !== undefined)
      ? { prompts: { listChanged: true } }
      : {}),
    ...(names.resources.size + names.templates.size > 0 || hasResources
      ? {
          resources: {
            listChanged: true,
            subscribe: any(({ resources }) => (resources as { subscribe?: unknown } | undefined)?.subscribe === true),
          },
        }
      : {}),
    ...(any(({ completions }) => completions !== undefined) ? { completions: {} } : {}),
    ...(any(({ logging }) => logging !== undefined) ? { logging: {} } : {}),
  };
};

/** @param version of the configuration by which it is served. */
export const infoOf = ({ title }: Names, endpoint: string, version: string): Implementation => ({
  name: endpoint === '' ? 'parley' : `parley/${endpoint}`,
  version,
  ...(title === undefined ? {} : { title }),
});

/** Those of the mesh file, else of the servers of which the caller sees something. */
export const instructionsOf = (names: Names, seen: Seen, definitions: Definitions): string | undefined => {
  if (names.instructions !== undefined) return names.instructions;
  const usable = new Set([seen.tools, seen.prompts, seen.resources, seen.templates].flat().map(({ server }) => server));
  const said = names.servers.flatMap((server) => {
    const instructions = usable.has(server) ? instructionsInForce(definitions, server) : undefined;
    return instructions ? [{ server, instructions }] : [];
  });
  if (said.length === 0) return undefined;
  if (names.servers.length === 1) return said[0]?.instructions;
  return said.map(({ server, instructions }) => `${server}: ${instructions}`).join('\n\n');
};
