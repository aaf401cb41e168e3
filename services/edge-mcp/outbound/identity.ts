/** What a server is told of who calls it: the client's own words, and never more than the client can do. */
import {
  type ClientCapabilities,
  type Implementation,
  LATEST_PROTOCOL_VERSION,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/client';
import { isModern, type McpClient } from '../../runtime/mcp/message.ts';

/** The mesh itself, where it asks for lists. */
export const ITSELF: McpClient = {
  protocolVersion: '',
  info: { name: 'parley', version: '1' },
  capabilities: {},
  logLevel: undefined,
  wantsProgress: false,
};

/** What a server can ask of a client in a session. */
const ASKED = ['elicitation', 'sampling', 'roots'] as const;

/** As a session begins with it. @param tellsRoots whether the server would be told when the client's roots change */
export const identityOf = (
  { info, capabilities }: McpClient,
  tellsRoots = false,
): { info: Implementation; capabilities: ClientCapabilities } => {
  const given = ASKED.flatMap((name) => {
    const capability = capabilities[name];
    if (typeof capability !== 'object' || capability === null) return [];
    if (name !== 'roots') return [[name, capability]];
    const changes = tellsRoots && 'listChanged' in capability && capability.listChanged === true;
    return [[name, changes ? { listChanged: true } : {}]];
  });
  const named = typeof info.name === 'string' && typeof info.version === 'string' ? info : ITSELF.info;
  return { info: named as Implementation, capabilities: Object.fromEntries(given) };
};

const legacy = [...new Set([LATEST_PROTOCOL_VERSION, ...SUPPORTED_PROTOCOL_VERSIONS])].filter((one) => !isModern(one));

/** Revisions with sessions that may be agreed on, the client's first. */
export const legacyVersions = (protocolVersion: string): string[] =>
  legacy.includes(protocolVersion) ? [...new Set([protocolVersion, ...legacy])] : legacy;

/** Two clients of the same can share what is kept open for either. */
export const capabilitiesKey = (client: McpClient): string => JSON.stringify(identityOf(client).capabilities);
