/**
 * Headers that repeat some of a tool's arguments, for whoever routes between the mesh and the server by headers alone
 * (MCP 2026-07-28, transports: Custom Headers from Tool Parameters).
 */
import { type Definitions, definitionOf, ofObserved } from '../../runtime/mcp/definitions.ts';

const KEYWORD = 'x-mcp-header';

/** Where the argument is, and the name of its header. */
interface Mirrored {
  path: readonly string[];
  header: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why a tool can't be called over HTTP: its schema breaks a rule for the headers of its arguments. */
export class InvalidHeader extends Error {
  override readonly name = 'InvalidHeader';
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PRIMITIVES: readonly unknown[] = ['string', 'integer', 'boolean'];
/** Keywords whose values are data, not schemas. */
const DATA = new Set(['default', 'const', 'enum', 'examples']);
const MAX_DEPTH = 64;

const isAnnotated = (schema: Record<string, unknown>) => KEYWORD in schema && !isObject(schema[KEYWORD]);

/** @throws InvalidHeader where something below says that it is mirrored */
const mirrorsNothing = (value: unknown, depth = 0): void => {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return;
  if (isObject(value) && isAnnotated(value))
    throw new InvalidHeader(`${KEYWORD} is only for what properties alone lead to`);
  for (const [key, below] of Object.entries(value)) if (!DATA.has(key)) mirrorsNothing(below, depth + 1);
};

const ownHeader = (schema: Record<string, unknown>, path: readonly string[]): Mirrored[] => {
  if (!(KEYWORD in schema)) return [];
  const name = schema[KEYWORD];
  if (path.length === 0 || typeof name !== 'string' || !TOKEN.test(name))
    throw new InvalidHeader(`${KEYWORD} of ${path.join('.')} is not the name of a header`);
  if (!PRIMITIVES.includes(schema.type))
    throw new InvalidHeader(`${KEYWORD} is only for strings, integers and booleans, and ${path.join('.')} is none`);
  return [{ path, header: `Mcp-Param-${name}` }];
};

const walk = (schema: unknown, path: readonly string[]): Mirrored[] => {
  if (!isObject(schema) || path.length > MAX_DEPTH) return [];
  const { properties, ...rest } = schema;
  for (const [key, below] of Object.entries(rest)) if (!DATA.has(key)) mirrorsNothing(below);
  const children = isObject(properties) ? Object.entries(properties) : [];
  return [...ownHeader(schema, path), ...children.flatMap(([name, child]) => walk(child, [...path, name]))];
};

/** Which of a tool's arguments are repeated. @throws InvalidHeader: then the tool must not be offered where it is called over HTTP */
export const mirroredBy = (inputSchema: unknown): Mirrored[] => {
  const found = walk(inputSchema, []);
  const names = found.map(({ header }) => header.toLowerCase());
  if (new Set(names).size < names.length) throw new InvalidHeader(`two values of ${KEYWORD} are the same`);
  return found;
};

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
    ? String(value)
    : undefined;
};

/** What a header can't hold as it is, or what looks as if it were encoded, is encoded. */
const encoded = (text: string): string =>
  /^[!-~](?:[\t -~]*[!-~])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)
    ? text
    : `=?base64?${Buffer.from(text).toString('base64')}?=`;

export const mirroringHeaders = (mirrored: readonly Mirrored[], given: unknown): Record<string, string> =>
  Object.fromEntries(
    mirrored.flatMap(({ path, header }) => {
      const value = path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), given);
      const text = textOf(value);
      return text === undefined ? [] : [[header, encoded(text)]];
    }),
  );

const mirroredIn = ofObserved((listed): readonly Mirrored[] => {
  if (!listed.includes(KEYWORD)) return [];
  try {
    return mirroredBy((JSON.parse(listed.toString()) as { inputSchema?: unknown }).inputSchema);
  } catch {
    // A definition that can't be read, or that breaks the rules, names no headers.
    return [];
  }
});

/** The headers of a call of a tool, as its server describes the tool now. */
export const paramHeadersOf = (
  definitions: Definitions,
  server: string,
  tool: string,
  given: unknown,
): Record<string, string> => {
  const observed = definitionOf(definitions, server, 'TOOL', tool)?.observed;
  return mirroringHeaders(observed ? mirroredIn(observed) : [], given);
};
