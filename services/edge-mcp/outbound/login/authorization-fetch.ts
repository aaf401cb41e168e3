/** `fetch` as the SDK's OAuth client is given it: bounded, to where it may go, and with no secret in what comes back as an error. */
import type { FetchLike } from '@modelcontextprotocol/client';
import { type Response as Answer, type Dispatcher, fetch } from 'undici';
import { bounded } from '../../../runtime/outbound/bounded.ts';
import { scrubText } from '../../../runtime/outbound/secrets.ts';
import { CallFailed, tooLarge } from '../call-failed.ts';

/** More than any metadata or answer of a token endpoint. */
const MAX_BYTES = 1024 * 1024;
const MIN_SECRET = 6;
/** Members of a token request that are no secrets. */
const PLAIN = new Set(['grant_type', 'client_id', 'redirect_uri', 'resource', 'scope', 'client_assertion_type']);

const secretsSent = ({ body, headers }: RequestInit): string[] => {
  const basic = new Headers(headers).get('authorization')?.replace(/^Basic /, '') ?? '';
  const members = body instanceof URLSearchParams ? [...body].filter(([name]) => !PLAIN.has(name)) : [];
  const decoded = Buffer.from(basic, 'base64').toString();
  const secrets = [basic, decoded.slice(decoded.indexOf(':') + 1), ...members.map(([, value]) => value)];
  return secrets.filter((value) => value.length >= MIN_SECRET);
};

/** A TypeError is what the SDK takes for a network that is down, and passes on. */
class NotFetched extends TypeError {
  override readonly cause: CallFailed;
  constructor(cause: CallFailed) {
    super(cause.message);
    this.cause = cause;
  }
}

const notFetched = (reason: 'MISCONFIGURED' | 'UPSTREAM_ERROR', message: string): NotFetched =>
  new NotFetched(new CallFailed(reason, message, false));

/** A refusal without what it echoes of the request. @throws NotFetched where it is no refusal in OAuth's form (RFC 6749, 5.2) */
const refusal = async (answer: Answer, sent: readonly string[]): Promise<Response> => {
  const { status } = answer;
  const said = scrubText(await answer.text(), sent);
  if (status >= 500 || status === 429)
    throw notFetched('UPSTREAM_ERROR', `The authorization server failed (${status}).`);
  try {
    JSON.parse(said);
  } catch {
    throw notFetched('MISCONFIGURED', `The authorization server refused the mesh (${status}).`);
  }
  // The SDK knows the platform's own by its class, and takes undici's for text.
  return new Response(said, { status, headers: { 'content-type': 'application/json' } });
};

/**
 * @param trusted URLs that are configured: the MCP server's own, and the issuer's. Plain HTTP is spoken on the hosts of those only
 * that have it themselves. A server says where its metadata is: it must not have the mesh look around its own network.
 */
export const authorizationFetch = (
  dispatcher: Dispatcher,
  trusted: readonly URL[],
  timeoutMs: number,
  signal?: AbortSignal,
): FetchLike => {
  const plain = trusted.filter(({ protocol }) => protocol === 'http:');
  const hosts = new Set(plain.map(({ hostname }) => hostname));
  const fetching = async (input: string | URL, init: RequestInit = {}) => {
    const url = new URL(input);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && hosts.has(url.hostname)))
      throw notFetched('MISCONFIGURED', 'The MCP server asks for a login where there is no TLS.');
    const patience = AbortSignal.timeout(timeoutMs);
    let answer: Answer;
    try {
      const cut = signal ? AbortSignal.any([patience, signal]) : patience;
      const sent = { ...(init as Parameters<typeof fetch>[1]), dispatcher, signal: cut };
      answer = bounded(await fetch(url, { ...sent, redirect: 'manual' }), MAX_BYTES, {
        active: () => {},
        tooMuch: () => tooLarge(MAX_BYTES),
      });
      const isRefused = init.method === 'POST' && answer.status >= 400;
      return isRefused ? await refusal(answer, secretsSent(init)) : answer;
    } catch (error) {
      if (error instanceof NotFetched) throw error;
      signal?.throwIfAborted();
      const what = patience.aborted ? 'did not answer in time' : 'could not be reached';
      throw notFetched('UPSTREAM_ERROR', `The authorization server ${what}.`);
    }
  };
  return fetching as unknown as FetchLike;
};
