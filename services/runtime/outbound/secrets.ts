/** Secrets of a connection: `${ENV}` references become values here, in the outbound edge, and nowhere else. */
import type { Connection, OAuthConfiguration } from '../configuration.ts';

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** A reference to a variable that is not set. */
export class MissingVariable extends Error {
  override readonly name = 'MissingVariable';
  readonly variable: string;
  constructor(variable: string) {
    super(`the environment variable ${variable} is not set`);
    this.variable = variable;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The text with its references resolved and trimmed: a file behind a variable often ends in a newline. @throws MissingVariable */
const resolve = (text: string, environment: Environment): string =>
  text
    .replace(REFERENCE, (_, name: string) => {
      const value = environment[name];
      if (value === undefined || value === '') throw new MissingVariable(name);
      return value;
    })
    .trim();

type Presented = Pick<Connection, 'credential' | 'headers'>;

/** What a connection presents to its upstream. @throws MissingVariable */
export const credentialsOf = (
  { credential, headers }: Presented,
  environment: Environment,
): { secret: string | null; headers: Record<string, string> } => ({
  secret: credential === null ? null : resolve(credential, environment),
  headers: Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), resolve(value, environment)]),
  ),
});

/** How a client is known, with its secrets. @throws MissingVariable */
export const oauthOf = (oauth: OAuthConfiguration, environment: Environment): OAuthConfiguration => {
  const resolved = (text: string | null) => (text === null ? null : resolve(text, environment));
  return { ...oauth, clientSecret: resolved(oauth.clientSecret), privateKey: resolved(oauth.privateKey) };
};

const MIN_LENGTH = 6;
const MASK = '[removed]';

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** As it is, as JSON writes it, and as JSON within a text of JSON does: keys of several lines, and values with quotes. */
const asWritten = (value: string): string[] => [value, inJson(value), inJson(inJson(value))];

/** Secrets as they are looked for, longest first: what contains another is removed whole. Too short a value would tear holes into anything. */
export const tellable = (values: readonly string[]): string[] =>
  [...new Set(values.flatMap(asWritten))]
    .filter((value) => value.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);

/** What must not come back out of a connection: its credential, and the headers that hold a reference. */
export const secretsOf = (
  connection: Presented,
  resolved: { secret: string | null; headers: Readonly<Record<string, string>> },
): string[] => {
  const referring = Object.entries(connection.headers).filter(([, value]) => value.includes('${'));
  const values = [resolved.secret, ...referring.map(([name]) => resolved.headers[name.toLowerCase()])];
  // A header such as `Bearer ${KEY}` may come back with or without its scheme.
  const bare = values.flatMap((value) => (value ? [value, value.replace(/^\S+\s+/, '')] : []));
  return tellable(bare);
};

/** Text of an upstream without the secrets that it echoes. */
export const scrubText = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((clean, secret) => clean.replaceAll(secret, MASK), text);

/** Bytes of an upstream without the secrets that they echo; the same bytes where there are none. */
export const scrub = (bytes: Buffer, secrets: readonly string[]): Buffer =>
  secrets.some((secret) => bytes.includes(secret)) ? Buffer.from(scrubText(bytes.toString(), secrets)) : bytes;
