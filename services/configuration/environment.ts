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

/** What the mesh calls: providers, and agents that have a URL. */
const servers = (file: MeshFile): Server[] =>
  (['providers', 'agents'] as const).flatMap((section) =>
    Object.entries(file[section]).flatMap(([name, { url, apiKey, headers }]) =>
      url === undefined ? [] : [{ path: [section, name], url, apiKey, headers }],
    ),
  );

/** References to variables that are not set, or are empty. */
export const missingVariables = (file: MeshFile, env: Environment): MissingVariable[] =>
  servers(file).flatMap(({ path, url, apiKey = '', headers }) => {
    const missing = (field: string[], text: string): MissingVariable[] =>
      [...text.matchAll(reference)]
        .filter(([, variable]) => !env[variable!])
        .map(([, variable]) => ({
          path: [...path, ...field],
          message: `the environment variable ${variable} is not set`,
          secret: field[0] !== 'url',
        }));
    return [
      ...missing(['url'], url),
      ...missing(['apiKey'], apiKey),
      ...Object.entries(headers).flatMap(([header, value]) => missing(['headers', header], value)),
    ];
  });

const fault = (text: string): string | undefined => {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname) return 'must be an http or https URL';
  if (url.username || url.password)
    return 'must hold no user and no password: they would be recorded; use apiKey or headers';
  if (url.search || url.hash) return 'must hold no query and no fragment: paths are appended to it';
  return undefined;
};

/** URLs that are none once resolved. Those with a variable that is not set are left to `missingVariables`. */
export const urlFindings = (file: MeshFile, env: Environment): Finding[] =>
  servers(file).flatMap(({ path, url }) => {
    if ([...url.matchAll(reference)].some(([, variable]) => !env[variable!])) return [];
    const message = fault(resolveReferences(url, env));
    return message ? [{ path: [...path, 'url'], message }] : [];
  });
