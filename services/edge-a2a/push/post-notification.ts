/** One push notification by HTTP (A2A 1.0, 4.3.3 and 13.2). */
import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { Agent, type Dispatcher, request } from 'undici';
import { z } from 'zod';
import type { SignJwt } from '../../runtime/edge/actor-token.ts';
import { publicLookup, refuseLiteral } from './public-addresses.ts';

/** The header of the mesh's own signature, and its JWT's `typ`. */
export const PUSH_SIGNATURE_HEADER = 'x-parley-signature';
export const PUSH_TOKEN = 'parley-push+jwt';

const TIME_MS = 10_000;
const LIFETIME_S = 300;

/** What of A2A's TaskPushNotificationConfig is secret, unsealed. */
const secrets = z.looseObject({
  token: z.string().optional(),
  authentication: z.looseObject({ scheme: z.string(), credentials: z.string().optional() }).optional(),
});

export interface Notification {
  url: URL;
  taskId: string;
  /** StreamResponse, A2A JSON. */
  body: Buffer;
  /** The rest of the configuration, A2A JSON. */
  configuration: Buffer;
}

/** What came of it: undefined where it was taken; else why not, and whether it is of use to try again. */
export type Refused = { reason: string; again: boolean } | undefined;

export interface Poster {
  /** @param isAllowed whether the host may be called although it is private. @param signal ends it; then it throws. */
  post(notification: Notification, isAllowed: boolean, signal: AbortSignal): Promise<Refused>;
  close(): Promise<void>;
}

const codeOf = (error: unknown): string => {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : String(name);
};

const NEVER = ['NOT_PUBLIC', 'UND_ERR_INVALID_ARG', 'ERR_INVALID_CHAR', 'ERR_INVALID_URL'];

/** @param issuer who signs: the mesh's public URL. */
export const createPoster = (
  sign: SignJwt,
  issuer: () => string,
  now: () => number,
  lookup = publicLookup(),
): Poster => {
  const times = { headersTimeout: TIME_MS, bodyTimeout: TIME_MS };
  const guarded = new Agent({ ...times, connect: { timeout: TIME_MS, lookup } });
  const open = new Agent({ ...times, connect: { timeout: TIME_MS } });

  const headersFor = async ({ url, taskId, body, configuration }: Notification): Promise<Record<string, string>> => {
    const { token, authentication } = secrets.parse(JSON.parse(configuration.toString()));
    const iat = Math.floor(now() / 1000);
    const sha256 = createHash('sha256').update(body).digest('hex');
    const claims: JWTPayload = { iss: issuer(), aud: url.origin, iat, exp: iat + LIFETIME_S, taskId, sha256 };
    return {
      'content-type': 'application/a2a+json',
      'user-agent': 'parley',
      ...(token ? { 'x-a2a-notification-token': token } : {}),
      ...(authentication?.credentials
        ? { authorization: `${authentication.scheme} ${authentication.credentials}` }
        : {}),
      [PUSH_SIGNATURE_HEADER]: await sign(claims, PUSH_TOKEN),
    };
  };

  const send = async (
    notification: Notification,
    headers: Record<string, string>,
    dispatcher: Dispatcher,
    signal: AbortSignal,
  ): Promise<Refused> => {
    const { url, body } = notification;
    const answer = await request(url, { method: 'POST', headers, body, dispatcher, signal });
    // Only that it was taken counts. What is said beside it is let go of unread.
    answer.body.on('error', () => {}).destroy();
    const { statusCode } = answer;
    if (statusCode >= 200 && statusCode < 300) return undefined;
    const reason = `It was answered with status ${statusCode}.`;
    // A redirect may lead anywhere, and 410 says that nobody is there for good.
    return { reason, again: statusCode >= 400 && statusCode !== 410 };
  };

  return {
    post: async (notification, isAllowed, signal) => {
      try {
        const { protocol } = notification.url;
        if (protocol !== 'https:' && protocol !== 'http:') return { reason: 'It is no HTTP URL.', again: false };
        if (!isAllowed) refuseLiteral(notification.url);
        const within = AbortSignal.any([signal, AbortSignal.timeout(TIME_MS)]);
        return await send(notification, await headersFor(notification), isAllowed ? open : guarded, within);
      } catch (error) {
        signal.throwIfAborted();
        // Only codes: an error's message names hosts and addresses, and may hold what was sent.
        const code = codeOf(error);
        if (code === 'NOT_PUBLIC') return { reason: 'Its host is not on the public internet.', again: false };
        return { reason: `It could not be delivered (${code}).`, again: !NEVER.includes(code) };
      }
    },
    close: async () => {
      await Promise.all([guarded.destroy(), open.destroy()]);
    },
  };
};
