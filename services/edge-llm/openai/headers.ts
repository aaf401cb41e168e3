/** Which HTTP headers pass through the mesh. Whatever is not named here stays on its side. */

/** Of a client's: what changes the answer. Never a credential, nor what selects an account (openai-organization, -project). */
const requestHeaders = new Set(['openai-beta', 'x-client-request-id']);

const responseHeaders = new Set([
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'openai-processing-ms',
  'openai-version',
]);
const responsePrefixes = ['x-ratelimit-'];
/** The upstream's id of the call, under a name of its own: `x-request-id` is the mesh's. */
const renamed: Readonly<Record<string, string>> = { 'x-request-id': 'x-upstream-request-id' };

const MAX_LENGTH = 1_024;

type Incoming = Readonly<Record<string, string | string[] | undefined>>;

const pick = (headers: Incoming, nameOf: (name: string) => string | undefined): Record<string, string> => {
  const picked: Record<string, string> = {};
  for (const [given, value] of Object.entries(headers)) {
    const name = nameOf(given.toLowerCase());
    const text = Array.isArray(value) ? value.join(', ') : value;
    if (name !== undefined && text !== undefined && text.length <= MAX_LENGTH) picked[name] = text;
  }
  return picked;
};

/** The headers of a client's request that travel on to the upstream, by lower-case name: what `Request.headers` holds. */
export const travellingHeaders = (headers: Incoming): Record<string, string> =>
  pick(headers, (name) => (requestHeaders.has(name) ? name : undefined));

/** The headers of an upstream's answer that its client should see, by lower-case name. */
export const returningHeaders = (headers: Incoming): Record<string, string> =>
  pick(headers, (name) => {
    if (Object.hasOwn(renamed, name)) return renamed[name];
    return responseHeaders.has(name) || responsePrefixes.some((prefix) => name.startsWith(prefix)) ? name : undefined;
  });

const DAY_MS = 86_400_000;

/** How long an upstream asks to wait, milliseconds, at most a day; null where it does not say (RFC 9110, 10.2.3). */
export const retryAfterOf = (headers: Incoming, now: number): number | null => {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  const after = headers['retry-after'];
  const text = typeof after === 'string' ? after.trim() : '';
  const seconds = text === '' ? Number.NaN : Number(text);
  const date = Number.isNaN(seconds) ? Date.parse(text) : Number.NaN;
  const wait = [ms, seconds * 1_000, date - now].find((n) => Number.isFinite(n));
  return wait === undefined ? null : Math.round(Math.min(Math.max(wait, 0), DAY_MS));
};
