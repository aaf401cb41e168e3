/** `${NAME}` references to environment variables. */
import type { MeshFile } from './mesh-file.ts';
import type { Finding } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** A reference that cannot be resolved. `secret`: only whoever calls the provider needs it. */
export interface MissingVariable extends Finding {
  secret: boolean;
}

/** @throws when a variable is not set: call `missingVariables` first. */
export const resolveReferences = (text: string, env: Environment): string =>
  text.replaceAll(reference, (_, name: string) => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set`);
    return value;
  });

interface Server {
  path: string[];
  url: string;
  apiKey?: string | undefined;
  headers: Record<string, string>;
}

const serversOf = (path: string[], section: Record<string, Omit<Server, 'path' | 'url'> & { url?: string }>) =>
  Object.entries(section).flatMap(([name, { url, apiKey, headers }]): Server[] =>
    url === undefined ? [] : [{ path: [...path, name], url, apiKey, headers }],
  );

/** What the mesh calls by a URL. */
const servers = (file: MeshFile): Server[] => [
  ...serversOf(['providers'], file.providers),
  ...serversOf(['agents'], file.agents as Parameters<typeof serversOf>[1]),
  ...serversOf(['mcp', 'servers'], file.mcp.servers as Parameters<typeof serversOf>[1]),
];

/** References to variables that are not set, or are empty. */
export const missingVariables = (file: MeshFile, env: Environment): MissingVariable[] => {
  const missing = (path: string[], text: string, secret: boolean): MissingVariable[] =>
    [...text.matchAll(reference)]
      .filter(([, variable]) => !env[variable!])
      .map(([, variable]) => ({ path, message: `the environment variable ${variable} is not set`, secret }));
  return [
    ...servers(file).flatMap(({ path, url, apiKey = '', headers }) => [
      ...missing([...path, 'url'], url, false),
      ...missing([...path, 'apiKey'], apiKey, true),
      ...Object.entries(headers).flatMap(([header, value]) => missing([...path, 'headers', header], value, true)),
    ]),
    ...Object.entries(file.mcp.servers).flatMap(([name, { env: given, oauth = {} }]) => [
      ...Object.entries(given).flatMap(([key, value]) => missing(['mcp', 'servers', name, 'env', key], value, true)),
      ...Object.entries(oauth).flatMap(([key, value]) => missing(['mcp', 'servers', name, 'oauth', key], value, true)),
    ]),
  ];
};

/** What is wrong with a URL that is called, its references resolved; undefined: nothing. */
export const urlFault = (text: string): string | undefined => {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname) return 'must be an http or https URL';
  if (url.username || url.password)
    return 'must hold no user and no password: they would be recorded; use apiKey or headers';
  if (url.search || url.hash)
    return 'must hold no query and no fragment: they would be recorded; use apiKey or headers';
  return undefined;
};

/** URLs that are none once resolved. Those with a variable that is not set are left to `missingVariables`. */
export const urlFindings = (file: MeshFile, env: Environment): Finding[] =>
  servers(file).flatMap(({ path, url }) => {
    if ([...url.matchAll(reference)].some(([, variable]) => !env[variable!])) return [];
    const message = urlFault(resolveReferences(url, env));
    return message ? [{ path: [...path, 'url'], message }] : [];
  });
