/**
 * Secrets taken out of what is shown: the log holds what was sent, since the edges need it, and its readers do not. By the names
 * of fields, in JSON and in text, and by the shapes of keys. Pure.
 */
import { isUtf8 } from 'node:buffer';

/** What stands in for a secret. */
export const REDACTED = '[redacted]';

/** The shapes of keys in use: OpenAI and its like, GitHub, Slack, AWS, Google, Hugging Face, JWT. */
export const keyShape = String.raw`(?:\b(?:sk-|sk_|gh[opsu]_|xox[a-z]-|hf_|gsk_|AKIA|AIza)|(?<![\w-])eyJ[\w-]+\.eyJ)[\w-]{12,}`;

/** Fields that hold secrets, and all whose names end in one of these as a word: `db_password`, `githubToken`. */
const FIELDS = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'authorization',
  'auth',
  'jwt',
  'bearer',
  'cookie',
  'api_key',
  'access_key',
  'private_key',
  'secret_key',
  'signing_key',
  'encryption_key',
];
/** MCP's own, and no secret. */
const OPEN = new Set(['progress_token']);

const PATTERNS = [
  // A JWT's signature too.
  String.raw`${keyShape}(?:\.[\w-]*)?`,
  '-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)',
  String.raw`\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s{1,4}[\w.~+/=-]{8,}`,
  // Of a URL the password.
  String.raw`(?<=://[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)`,
];

const MAX_DEPTH = 100;
/** JSON in a string in JSON and so on. */
const MAX_NESTED = 4;

/** Added to the mesh's own. */
export interface RedactionRules {
  /** Names of fields, in whatever case and with whatever between their words. */
  readonly fields: readonly string[];
  /** Regular expressions. */
  readonly patterns: readonly string[];
}

export interface Redaction {
  /** Text without its secrets; of JSON those in its strings and fields. */
  text(text: string): string;
  /** As `text`; bytes that are not text stay as they are. */
  bytes(bytes: Buffer): Buffer;
  /** The same value without its secrets; bytes and strings in it as above. */
  value(value: unknown): unknown;
}

/** `apiKey`, `API-Key` and `api key` are `api_key`. */
const wordsOf = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[- ]/g, '_')
    .toLowerCase();

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** @param rules whose patterns are regular expressions. @throws SyntaxError where one is not */
export const redactionOf = ({ fields, patterns }: RedactionRules): Redaction => {
  // The longest first: of two names, one the end of the other, the whole is found.
  const names = [...new Set([...FIELDS, ...fields.map(wordsOf)])]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.split('_').filter(Boolean).map(escaped).join('[-_ ]?'));
  const named = new RegExp(`(?:^|_)(?:${names.join('|')})$`);
  const shapes = [...PATTERNS, ...patterns].map((pattern) => new RegExp(pattern, 'g'));
  // In text that is no JSON, or JSON cut off: the name, then : or =, then a value with or without quotes.
  const assigned = new RegExp(
    String.raw`((?:${names.join('|')})\\*["']?\s{0,4}[:=]\s{0,4})(?!\[redacted\])(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\+"[^"\\]*|[^\s"'\\,;&(){}[\]]+)`,
    'gi',
  );

  const isSecret = (name: string): boolean =>
    // Arguments are named by their paths.
    name.split('.').some((part) => {
      const words = wordsOf(part);
      return named.test(words) && !OPEN.has(words);
    });

  const inWords = (text: string): string =>
    shapes.reduce((clean, shape) => clean.replace(shape, REDACTED), text).replace(assigned, `$1${REDACTED}`);

  const inText = (text: string, nested: number): string => {
    if (nested < MAX_NESTED && /^\s*[{[]/.test(text)) {
      try {
        const before: unknown = JSON.parse(text);
        const clean = inValue(before, false, 0, nested + 1);
        return clean === before ? text : JSON.stringify(clean);
      } catch {
        // It only looks like JSON.
      }
    }
    return inWords(text);
  };

  const inBytes = (bytes: Buffer, nested: number): Buffer => {
    if (!isUtf8(bytes)) return bytes;
    const text = bytes.toString();
    const clean = inText(text, nested);
    return clean === text ? bytes : Buffer.from(clean);
  };

  /**
   * @param secret whether it is in a field of which all is a secret.
   * @returns the same object where there is no secret in it.
   */
  const inValue = (value: unknown, secret: boolean, depth: number, nested: number): unknown => {
    if (typeof value === 'string') return secret && value !== '' ? REDACTED : inText(value, nested);
    if (Buffer.isBuffer(value)) return secret && value.length > 0 ? Buffer.from(REDACTED) : inBytes(value, nested);
    if (typeof value === 'number' || typeof value === 'bigint') return secret ? REDACTED : value;
    if (typeof value !== 'object' || value === null) return value;
    if (depth === MAX_DEPTH) return REDACTED;
    const members = Object.entries(value);
    const clean = members.map(([name, one]) => inValue(one, secret || isSecret(name), depth + 1, nested));
    if (clean.every((one, i) => one === members[i]![1])) return value;
    return Array.isArray(value) ? clean : Object.fromEntries(clean.map((one, i) => [members[i]![0], one]));
  };

  return {
    text: (text) => inText(text, 0),
    bytes: (bytes) => inBytes(bytes, 0),
    value: (value) => inValue(value, false, 0, 0),
  };
};

/** The mesh's own rules alone. */
export const redaction: Redaction = redactionOf({ fields: [], patterns: [] });
