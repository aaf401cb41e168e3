/** What is to be stated of what a server was seen to offer: only what differs from what the log has. */
import { setImmediate } from 'node:timers/promises';
import type * as mesh from '../../../schemas/generated.ts';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { type Definition, type Definitions, keyOf } from '../../runtime/mcp/definitions.ts';
import type { Listing } from './ask-server.ts';
import { assess } from './assess.ts';

export interface Seen {
  server: mesh.ServerObserved | undefined;
  definitions: mesh.DefinitionObserved[];
  /** As `ServerObserved.leftOut`. */
  leftOut: string[];
}

/** Names of one server, of what is gone too: a server that invents names at every call must come to an end. */
export const MOST_NAMES = 20_000;

/** Of what is left out, as many are named. */
const MOST_LEFT_OUT = 20;

/** Definitions that are read through before others of the process have their turn. */
const AT_ONCE = 50;

const isSame = (a: mesh.ServerObserved, b: mesh.ServerObserved | undefined): boolean =>
  b !== undefined && canonicalJson(textual(a)) === canonicalJson(textual(b));

const textual = ({ capabilities, info, ...rest }: mesh.ServerObserved) => ({
  ...rest,
  capabilities: capabilities.toString(),
  info: info.toString(),
});

/** @param problem why it could not be reached. What is known of it stays. */
export const observeUnreachable = (
  server: string,
  problem: string,
  { servers }: Definitions,
): mesh.ServerObserved | undefined => {
  const before = servers.get(server);
  const now: mesh.ServerObserved = {
    server,
    capabilities: before?.capabilities ?? Buffer.from('{}'),
    info: before?.info ?? Buffer.from('{}'),
    instructions: '',
    protocolVersions: [],
    problem,
    leftOut: before?.leftOut ?? [],
  };
  return isSame(now, before) ? undefined : now;
};

const leftOutOf = ({ leftOut, cutShort }: Listing, tooMany: number, clean: (bytes: Buffer) => Buffer): string[] => {
  const all = [
    ...(cutShort ? [cutShort] : []),
    ...(tooMany > 0 ? [`${tooMany} definitions: it has had more than ${MOST_NAMES} names`] : []),
    ...leftOut.map(({ kind, name, reason }) => `${kind} ${name.slice(0, 200)}: ${reason.slice(0, 200)}`),
  ];
  const named = all.slice(0, MOST_LEFT_OUT).map((one) => clean(Buffer.from(one)).toString());
  return all.length > named.length ? [...named, `${all.length - named.length} more`] : named;
};

/**
 * Findings are those of each definition alone: what stands beside it changes, and is looked at when it is reviewed.
 * @param clean takes out what must not be recorded.
 */
export const observe = async (
  server: string,
  listing: Listing,
  { all, servers }: Definitions,
  clean: (bytes: Buffer) => Buffer,
): Promise<Seen> => {
  const { peer, offered, cutShort } = listing;
  const now: mesh.ServerObserved = {
    server,
    protocolVersions: [...peer.protocolVersions],
    capabilities: clean(Buffer.from(canonicalJson(peer.capabilities))),
    info: clean(Buffer.from(canonicalJson(peer.info))),
    instructions: '',
    problem: '',
    leftOut: [],
  };
  const known = new Map<string, Definition>();
  for (const [key, definition] of all) if (definition.server === server) known.set(key, definition);
  const definitions: mesh.DefinitionObserved[] = [];
  let room = Math.max(0, MOST_NAMES - known.size);
  let tooMany = 0;
  for (const one of offered) {
    const { kind, name, definition, digest } = one;
    const before = known.get(keyOf({ server, kind, name }));
    known.delete(keyOf({ server, kind, name }));
    if (before?.observed?.digest === digest) continue;
    if (!before && room === 0) {
      tooMany += 1;
      continue;
    }
    if (!before) room -= 1;
    if (definitions.length % AT_ONCE === AT_ONCE - 1) await setImmediate();
    definitions.push({ server, kind, name, definition, digest, findings: assess(one) });
  }
  if (cutShort === undefined)
    for (const { kind, name, observed } of known.values())
      if (observed && observed.digest !== '')
        definitions.push({ server, kind, name, definition: Buffer.alloc(0), digest: '', findings: [] });
  now.leftOut = leftOutOf(listing, tooMany, clean);
  return { server: isSame(now, servers.get(server)) ? undefined : now, definitions, leftOut: now.leftOut };
};
