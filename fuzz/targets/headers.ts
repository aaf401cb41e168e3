/** HTTP headers of clients and of upstreams. */
import type { IncomingHttpHeaders } from 'node:http';
import fc from 'fast-check';
import { configurationOf, KEY } from '../../services/edge-llm/inbound/harness.ts';
import { readHeaders } from '../../services/edge-llm/inbound/headers.ts';
import { answerOf } from '../../services/edge-llm/openai/errors.ts';
import { retryAfterOf, returningHeaders, travellingHeaders } from '../../services/edge-llm/openai/headers.ts';
import { authenticate, credentialIndex } from '../../services/runtime/edge/authentication.ts';
import { headerOf } from '../../services/runtime/edge/headers.ts';
import { acceptTraceparent, traceIdOf } from '../../services/runtime/tracing.ts';
import { holds, type Target } from '../target.ts';
import { isErrorAnswer } from './openai-error.ts';

const configuration = configurationOf();
const byHash = credentialIndex()(configuration);
const [credential] = configuration.credentials;
const now = Date.parse('2026-11-21T15:00:00Z');
const DAY_MS = 86_400_000;

/** Lines as node's parser hands headers over: names in lower case, several of one name in a list. */
const headersOf = (bytes: Buffer): IncomingHttpHeaders => {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of bytes.toString('latin1').split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers as IncomingHttpHeaders;
};

const checkCall = (headers: IncomingHttpHeaders) => {
  const { call, problem } = readHeaders(headers, credential!, configuration.limits, now);
  if (problem) {
    const answer = answerOf(problem);
    return holds(answer.status === 400 && isErrorAnswer(answer), 'a bad header is a 400 in OpenAI form');
  }
  const { contextId, requestId, timeoutMs } = call;
  holds(
    timeoutMs >= 1 && timeoutMs <= configuration.limits.maxDeadlineMs,
    'a call has a time within its limit',
    () => `${timeoutMs}`,
  );
  holds(/^acme:[A-Za-z0-9._:-]{1,128}$/.test(contextId), "a conversation is its tenant's", () => contextId);
  holds(/^[0-9a-f-]{36}$/.test(requestId), 'a request has an id of the mesh');
};

const checkCredential = (given: string | undefined) => {
  const answer = authenticate(given, byHash, now);
  if ('credential' in answer)
    return holds(given?.includes(KEY) || given?.includes('sk-parley-other'), 'only a key lets in');
  // As long as a key, so that it cannot be a part of its hash.
  const secret = given?.replace(/^bearer +/i, '').trim() ?? '';
  holds(
    secret.length < 13 || !answer.presented.includes(secret),
    'what is recorded of a credential is not the credential',
  );
};

const checkTrace = (given: string | undefined) => {
  const traceparent = acceptTraceparent(given);
  holds(
    /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent) && traceIdOf(traceparent) !== '',
    'a traceparent is one',
  );
  holds(
    !/^00-0{32}-|-0{16}-..$/.test(traceparent),
    'a traceparent names a trace and a span (W3C Trace Context 3.2.2.3)',
    () => traceparent,
  );
};

const checkUpstream = (headers: IncomingHttpHeaders) => {
  const wait = retryAfterOf(headers, now);
  holds(
    wait === null || (Number.isInteger(wait) && wait >= 0 && wait <= DAY_MS),
    'a wait is a time of at most a day',
    () => `${wait}`,
  );
  for (const passed of [travellingHeaders(headers), returningHeaders(headers)])
    for (const [name, value] of Object.entries(passed)) {
      holds(
        name.startsWith('x-ratelimit-') || !/authorization|cookie|api-?key|organization/.test(name),
        'no credential passes',
        () => name,
      );
      holds(
        typeof value === 'string' && value.length <= 1_024,
        'a header that passes is text of a bounded length',
        () => name,
      );
    }
};

const hex = (digits: number) =>
  fc.oneof(
    fc.constant('0'.repeat(digits)),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits }),
  );
const traceparent = fc
  .tuple(fc.constantFrom('00', '01', 'ff'), hex(32), hex(16), hex(2))
  .map((parts) => parts.join('-'));
const header = fc.oneof(
  traceparent.map((value) => `traceparent: ${value}`),
  fc
    .tuple(
      fc.constantFrom(
        'authorization',
        'x-conversation-id',
        'idempotency-key',
        'x-request-timeout-ms',
        'retry-after',
        'retry-after-ms',
        'x-request-id',
      ),
      fc.oneof(
        fc.string(),
        fc.integer().map(String),
        fc.double().map(String),
        fc.constantFrom(`Bearer ${KEY}`, 'Bearer  ', 'acme:a'),
      ),
    )
    .map((parts) => parts.join(': ')),
);

export const target: Target = {
  name: 'headers',
  structured: fc.array(header, { maxLength: 6 }).map((lines) => Buffer.from(lines.join('\n'))),
  dictionary: [
    ...[
      'authorization: Bearer ',
      `authorization: Bearer ${KEY}`,
      'x-conversation-id: ',
      'acme:',
      'idempotency-key: ',
      'x-request-timeout-ms: ',
    ],
    ...[
      'traceparent: 00-',
      '0af7651916cd43dd8448eb211c80319c',
      '00000000000000000000000000000000',
      '-b7ad6b7169203331-01',
      '-0000000000000000-01',
    ],
    ...[
      'retry-after: ',
      'retry-after-ms: ',
      'Wed, 21 Oct 2026 07:28:00 GMT',
      'x-ratelimit-',
      'x-request-id: ',
      'openai-beta: ',
      'x-client-request-id: ',
    ],
  ],
  run: (bytes) => {
    const headers = headersOf(bytes);
    checkCall(headers);
    checkCredential(headerOf(headers, 'authorization'));
    checkTrace(headerOf(headers, 'traceparent'));
    checkUpstream(headers);
  },
};
