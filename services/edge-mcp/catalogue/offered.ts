/** What a server offers, as it is recorded: one object of a list, pinned by its digest. */

import { setImmediate } from 'node:timers/promises';
import { specTypeSchemas } from '@modelcontextprotocol/client';
import { canonicalJson } from '../../runtime/canonical-json.ts';
import { type DefinitionKind, INSTRUCTIONS } from '../../runtime/mcp/definitions.ts';
import { InvalidHeader, mirroredBy } from '../outbound/param-headers.ts';
import { digestOf, isDeeperThan, isObject } from './json.ts';

export interface Offered {
  kind: DefinitionKind;
  /** The server's own name for it. */
  name: string;
  /** Canonical JSON. */
  definition: Buffer;
  /** sha256 of the definition, hexadecimal. */
  digest: string;
  /** How often its server lists it: the first counts. */
  times: number;
}

/** One object of a list that is not recorded, and why. */
export interface LeftOut {
  kind: DefinitionKind;
  /** Empty: it has none. */
  name: string;
  reason: string;
}

export const MAX_BYTES = 1024 * 1024;
const MAX_LEVELS = 64;
const MAX_NAME = 2048;
/** Definitions that are read before others of the process have their turn. */
const AT_ONCE = 200;

/** What servers list; their instructions they give when they are first talked to. */
type ListedKind = Exclude<DefinitionKind, 'INSTRUCTIONS'>;

const nameField = { TOOL: 'name', PROMPT: 'name', RESOURCE: 'uri', RESOURCE_TEMPLATE: 'uriTemplate' } as const;

const specTypes = {
  TOOL: specTypeSchemas.Tool,
  PROMPT: specTypeSchemas.Prompt,
  RESOURCE: specTypeSchemas.Resource,
  RESOURCE_TEMPLATE: specTypeSchemas.ResourceTemplate,
} as const;

/** Why MCP does not know it as one of its kind: a client that checks what it is sent would refuse the whole list that it is in. */
const illFormed = (kind: ListedKind, name: string, value: object): string | undefined => {
  // The schema's types take any string for one; Python's SDK does not.
  if (kind === 'RESOURCE' && !URL.canParse(name)) return 'its uri is none';
  const checked = specTypes[kind]['~standard'].validate(value);
  const issue = 'issues' in checked ? checked.issues?.[0] : undefined;
  return issue && `${(issue.path ?? []).join('.')}: ${issue.message}`;
};

/** Without what says how a resource is just now: its size and the time of its last change would make it another one each time. */
const lasting = (kind: ListedKind, { size, annotations, ...rest }: Readonly<Record<string, unknown>>) => {
  const hints = isObject(annotations)
    ? Object.fromEntries(Object.entries(annotations).filter(([hint]) => hint !== 'lastModified'))
    : annotations;
  const all = { ...rest, ...(annotations === undefined ? {} : { annotations: hints }) };
  return kind === 'RESOURCE' || size === undefined ? all : { ...all, size };
};

/** Why a tool's arguments can't be repeated in headers as it wants: clients must not call such a tool (MCP 2026-07-28, x-mcp-header). */
const illMirrored = (inputSchema: unknown): string | undefined => {
  try {
    mirroredBy(inputSchema);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidHeader) return error.message;
    throw error;
  }
};

/**
 * An object of a list as it is recorded.
 * @param clean takes out what must not be recorded: the mesh's secrets, where the server echoes them.
 */
export const readOffered = (
  kind: ListedKind,
  listed: unknown,
  clean: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Offered | LeftOut => {
  const name = isObject(listed) ? listed[nameField[kind]] : undefined;
  if (!isObject(listed) || typeof name !== 'string' || name === '')
    return { kind, name: '', reason: `it has no ${nameField[kind]}` };
  const without = (reason: string): LeftOut => ({ kind, name: name.slice(0, 200), reason });
  if (name.length > MAX_NAME) return without(`its ${nameField[kind]} is longer than ${MAX_NAME} characters`);
  if (!name.isWellFormed()) return without(`its ${nameField[kind]} is not well-formed Unicode`);
  if (isDeeperThan(listed, MAX_LEVELS)) return without(`it is nested deeper than ${MAX_LEVELS} levels`);
  const ill = kind === 'TOOL' && illMirrored(listed.inputSchema);
  if (ill) return without(ill);
  const value = lasting(kind, listed);
  const odd = illFormed(kind, name, value);
  return odd === undefined ? pinned(kind, name, value, clean) : without(odd.slice(0, 200));
};

const pinned = (kind: DefinitionKind, name: string, value: object, clean: (bytes: Buffer) => Buffer) => {
  const definition = clean(Buffer.from(canonicalJson(value)));
  if (definition.length > MAX_BYTES)
    return { kind, name: name.slice(0, 200), reason: `it is larger than ${MAX_BYTES} bytes` };
  return { kind, name, definition, digest: digestOf(definition), times: 1 };
};

/** A server's instructions as they are recorded, in the form in which MCP has them. @param clean as of `readOffered` */
export const readInstructions = (instructions: string, clean: (bytes: Buffer) => Buffer): Offered | LeftOut =>
  pinned('INSTRUCTIONS', INSTRUCTIONS, { instructions: instructions.toWellFormed() }, clean);

/** All that is listed of one kind: each name once. */
export const readAll = async (
  kind: ListedKind,
  listed: readonly unknown[],
  clean?: (bytes: Buffer) => Buffer,
): Promise<{ offered: Offered[]; leftOut: LeftOut[] }> => {
  const offered = new Map<string, Offered>();
  const leftOut: LeftOut[] = [];
  for (const [i, one] of listed.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const read = readOffered(kind, one, clean);
    const first = offered.get(read.name);
    if ('reason' in read) leftOut.push(read);
    else if (first) first.times += 1;
    else offered.set(read.name, read);
  }
  return { offered: [...offered.values()], leftOut };
};
