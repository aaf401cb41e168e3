/** Names that must exist. Checked on the file as read, so that these problems are told together with those of its shape. */
import { suggestion } from './nearest.ts';
import type { Finding, Segment } from './problem.ts';

type Section = 'providers' | 'models' | 'tenants' | 'units' | 'people' | 'agents' | 'mcp.servers';

/** What is written at `at` names one of `to`. `*` is every key or index; with `names: 'keys'` the last of them is the name. */
const references: readonly { at: readonly string[]; names?: 'keys'; to: Section; one: string }[] = [
  { at: ['models', '*', 'targets', '*', 'provider'], to: 'providers', one: 'provider' },
  { at: ['models', '*', 'fallbacks', '*'], to: 'models', one: 'model' },
  { at: ['prices', 'models', '*'], names: 'keys', to: 'models', one: 'model' },
  { at: ['units', '*', 'tenant'], to: 'tenants', one: 'tenant' },
  { at: ['agents', '*', 'unit'], to: 'units', one: 'unit' },
  { at: ['agents', '*', 'owner'], to: 'people', one: 'person' },
  { at: ['a2a', 'root'], to: 'agents', one: 'agent' },
  { at: ['mcp', 'servers', '*', 'twins', '*'], to: 'mcp.servers', one: 'MCP server' },
  { at: ['mcp', 'endpoints', '*', 'servers', '*'], to: 'mcp.servers', one: 'MCP server' },
  { at: ['mcp', 'endpoints', '*', 'tools', '*', 'server'], to: 'mcp.servers', one: 'MCP server' },
  { at: ['mcp', 'endpoints', '*', 'agents', '*'], to: 'agents', one: 'agent' },
  { at: ['keys', '*', 'agent'], to: 'agents', one: 'agent' },
  { at: ['keys', '*', 'person'], to: 'people', one: 'person' },
];

export interface Found {
  path: Segment[];
  value: unknown;
}

const members = (value: unknown): [Segment, unknown][] => {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
};

/** Everything at a pattern, whatever the shape of the file. */
export const select = (value: unknown, pattern: readonly string[]): Found[] =>
  pattern.reduce<Found[]>(
    (found, segment) =>
      found.flatMap(({ path, value }) =>
        members(value)
          .filter(([key]) => segment === '*' || key === segment)
          .map(([key, value]) => ({ path: [...path, key], value })),
      ),
    [{ path: [], value }],
  );

/** What a section defines: the keys of a mapping, the items of a list. */
const names = (file: unknown, section: Section): string[] => {
  const defined = select(file, [...section.split('.'), '*']).map(({ path, value }) => {
    const name = path.at(-1);
    return typeof name === 'string' ? name : value;
  });
  return [...new Set(defined.filter((name) => typeof name === 'string'))];
};

const unknownNames = (file: unknown): Finding[] =>
  references.flatMap(({ at, names: what, to, one }) => {
    const known = names(file, to);
    const isKnown = new Set(known);
    return select(file, at).flatMap(({ path, value }) => {
      const name = what === 'keys' ? path.at(-1) : value;
      if (typeof name !== 'string' || isKnown.has(name)) return [];
      return [{ path, message: `no ${one} is called ${name}${suggestion(name, known)}` }];
    });
  });

/** Agents that are offered as tools, and only call others. */
const uncallable = (file: unknown): Finding[] => {
  const agents = new Map(select(file, ['agents', '*']).map(({ path, value }) => [path.at(-1), value]));
  return select(file, ['mcp', 'endpoints', '*', 'agents', '*']).flatMap(({ path, value }) => {
    const agent = agents.get(value as string);
    if (agent === undefined) return [];
    const { url, log } = Object.fromEntries(members(agent));
    return url || log ? [] : [{ path, message: `${value} cannot be called: it has neither url nor log` }];
  });
};

/** provider/model of every target, by where it is. */
const targetIds = (file: unknown): { path: Segment[]; id: string }[] =>
  select(file, ['models', '*', 'targets', '*']).flatMap(({ path, value }) => {
    const { provider, model = path[1] } = Object.fromEntries(members(value));
    return typeof provider === 'string' && typeof model === 'string' ? [{ path, id: `${provider}/${model}` }] : [];
  });

const unknownTargets = (file: unknown): Finding[] => {
  const known = [...new Set(targetIds(file).map(({ id }) => id))];
  return select(file, ['prices', 'targets', '*']).flatMap(({ path }) => {
    const id = String(path.at(-1));
    return known.includes(id) ? [] : [{ path, message: `no model has the target ${id}${suggestion(id, known)}` }];
  });
};

/** Which tools a server has is for it to say: only that there is such a server is known. */
const unknownPricedTools = (file: unknown): Finding[] => {
  const known = names(file, 'mcp.servers');
  return select(file, ['prices', 'tools', '*']).flatMap(({ path }) => {
    const [server = ''] = String(path.at(-1)).split('/');
    return known.includes(server)
      ? []
      : [{ path, message: `no MCP server is called ${server}${suggestion(server, known)}` }];
  });
};

/** Says of each value that was there before where it was. */
const repeated = (
  values: readonly { path: Segment[]; same: string }[],
  say: (first: Segment[]) => string,
): Finding[] => {
  const seen = new Map<string, Segment[]>();
  return values.flatMap(({ path, same }) => {
    const first = seen.get(same);
    if (!first) seen.set(same, path);
    return first ? [{ path, message: say(first) }] : [];
  });
};

const repetitions = (file: unknown): Finding[] => [
  ...repeated(
    targetIds(file).map(({ path, id }) => ({ path, same: `${path[1]} ${id}` })),
    (first) => `is the same target as targets[${first[3]}]; give one of them the weight of both`,
  ),
  ...repeated(
    select(file, ['keys', '*', 'hash']).map(({ path, value }) => ({ path, same: String(value) })),
    (first) => `is the same key as keys.${first[1]}`,
  ),
  ...['tenants', 'people'].flatMap((section) =>
    repeated(
      select(file, [section, '*']).map(({ path, value }) => ({ path, same: String(value) })),
      () => 'is listed twice',
    ),
  ),
  ...['providers', 'agents', 'mcp.servers'].flatMap((section) =>
    repeated(
      select(file, [...section.split('.'), '*', 'headers', '*']).map(({ path }) => ({
        path,
        same: `${path.at(-3)} ${String(path.at(-1)).toLowerCase()}`,
      })),
      () => 'is the same header, in other letters',
    ),
  ),
];

/** Every name that does not exist, and everything that is there twice. */
export const referenceFindings = (file: unknown): Finding[] => [
  ...unknownNames(file),
  ...uncallable(file),
  ...unknownTargets(file),
  ...unknownPricedTools(file),
  ...repetitions(file),
];
