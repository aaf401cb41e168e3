/** Asks a server for all that it offers. */
import { AnsweredError, type Peer } from '../outbound/connections.ts';
import { isObject } from './json.ts';
import { type LeftOut, type Offered, readAll, readInstructions } from './offered.ts';

export interface Listing {
  peer: Pick<Peer, 'protocolVersions' | 'capabilities' | 'info'>;
  offered: Offered[];
  leftOut: LeftOut[];
  /** Why there may be more than this; undefined: this is all. */
  cutShort: string | undefined;
}

export interface ListBounds {
  definitions: number;
  pages: number;
  bytes: number;
}

export const defaultBounds: ListBounds = { definitions: 10_000, pages: 1_000, bytes: 32 * 1024 * 1024 };

/** The lists of MCP, and the capability with which a server says that it has them. */
const lists = [
  { kind: 'TOOL', method: 'tools/list', of: 'tools', capability: 'tools' },
  { kind: 'PROMPT', method: 'prompts/list', of: 'prompts', capability: 'prompts' },
  { kind: 'RESOURCE', method: 'resources/list', of: 'resources', capability: 'resources' },
  { kind: 'RESOURCE_TEMPLATE', method: 'resources/templates/list', of: 'resourceTemplates', capability: 'resources' },
] as const;

const METHOD_NOT_FOUND = -32601;

/** One page; undefined where the server has no such list after all. */
const page = async (peer: Peer, method: string, cursor: string | undefined) => {
  try {
    return await peer.request(method, cursor === undefined ? {} : { cursor });
  } catch (error) {
    if (error instanceof AnsweredError && error.code === METHOD_NOT_FOUND && cursor === undefined) return undefined;
    throw error;
  }
};

/**
 * Its instructions, and all pages of all lists, as far as the bounds go.
 * @param clean takes out what must not be recorded.
 * @throws what `peer.request` throws; Error where an answer is no list.
 */
export const askServer = async (
  peer: Peer,
  clean: (bytes: Buffer) => Buffer,
  bounds: ListBounds = defaultBounds,
): Promise<Listing> => {
  const { protocolVersions, capabilities, info, instructions } = peer;
  const listing: Listing = {
    peer: { protocolVersions, capabilities, info },
    offered: [],
    leftOut: [],
    cutShort: undefined,
  };
  if (instructions !== '') {
    const read = readInstructions(instructions, clean);
    if ('reason' in read) listing.leftOut.push(read);
    else listing.offered.push(read);
  }
  let [left, bytesLeft] = [bounds.definitions, bounds.bytes];
  /** What is not read stays with the server: a list is held whole until it is gone through. */
  let unread = bounds.bytes;
  const tooLarge = `what it lists is larger than ${bounds.bytes} bytes`;
  for (const { kind, method, of, capability } of lists) {
    if (!isObject(capabilities[capability])) continue;
    const listed: unknown[] = [];
    const cursors = new Set<string>();
    let cursor: string | undefined;
    do {
      const result = await page(peer, method, cursor);
      if (result === undefined) break;
      const items = result[of];
      if (!Array.isArray(items)) throw new Error(`its answer to ${method} is no list of ${of}`);
      listed.push(...items.slice(0, left));
      if (items.length > left) listing.cutShort = `it lists more than ${bounds.definitions} definitions`;
      left -= Math.min(left, items.length);
      unread -= Buffer.byteLength(JSON.stringify(items));
      if (unread < 0) listing.cutShort ??= tooLarge;
      cursor = typeof result.nextCursor === 'string' ? result.nextCursor : undefined;
      if (cursor === undefined || listing.cutShort) break;
      if (cursors.has(cursor)) listing.cutShort = `the pages of ${method} go in a circle`;
      else if (cursors.size + 2 > bounds.pages) listing.cutShort = `${method} has more than ${bounds.pages} pages`;
      cursors.add(cursor);
    } while (!listing.cutShort);
    const { offered, leftOut } = await readAll(kind, listed, clean);
    listing.leftOut.push(...leftOut);
    for (const one of offered) {
      bytesLeft -= one.definition.length;
      if (bytesLeft < 0) listing.cutShort = tooLarge;
      else listing.offered.push(one);
    }
  }
  return listing;
};
