/** Who may come in: before anything of a request is read. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  isJsonContentType,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  validateHostHeader,
  validateOriginHeader,
} from '@modelcontextprotocol/server';
import type { FastifyInstance } from 'fastify';
import type { Configuration } from '../../runtime/configuration.ts';
import { ACTOR_HEADER } from '../../runtime/edge/actor-token.ts';
import type { Admission } from '../../runtime/edge/admission.ts';
import { challengeOf } from '../../runtime/edge/authentication.ts';
import { type Callers, callerByToken } from '../../runtime/edge/callers.ts';
import { conversationOf } from '../../runtime/edge/conversation.ts';
import { headerOf, timeoutOf } from '../../runtime/edge/headers.ts';
import { newId } from '../../runtime/event.ts';
import { PROTOCOL } from '../../runtime/mcp/message.ts';
import type { Signing } from '../../runtime/signing.ts';
import { acceptTraceparent } from '../../runtime/tracing.ts';
import { metadataUrlOf } from './metadata.ts';
import { type Refusal, refusals } from './problems.ts';
import type { Visit } from './visit.ts';

export interface Door {
  callers: Callers;
  /** Calls are counted apart from streams that stay open. */
  calls: Admission;
  streams: Admission;
  verifyJwt: Signing['verifyJwt'];
  configuration(): Configuration | undefined;
  publicUrl(): string;
  http: FastifyInstance;
  stopping(): boolean;
  now(): number;
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/** DNS rebinding: a web page may not reach the mesh through its visitor's browser (MCP, Streamable HTTP, Security). */
const stranger = ({ http, publicUrl }: Door, request: IncomingMessage): string | undefined => {
  const address = http.server.address();
  const onLoopback = typeof address === 'object' && address !== null && LOOPBACK.test(address.address);
  const { hostname } = new URL(publicUrl());
  const origins = [hostname, ...(onLoopback ? localhostAllowedOrigins() : [])];
  const origin = validateOriginHeader(headerOf(request.headers, 'origin'), origins);
  if (!origin.ok) return origin.message;
  if (!onLoopback) return undefined;
  const host = validateHostHeader(request.headers.host, [hostname, ...localhostAllowedHostnames()]);
  return host.ok ? undefined : host.message;
};

const bodyProblem = (request: IncomingMessage, limitBytes: number): Refusal | undefined => {
  if (request.method !== 'POST') return undefined;
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return refusals.bodyTooLarge(limitBytes);
  const { 'content-type': type, 'content-encoding': encoding } = request.headers;
  const isPlain = encoding === undefined || encoding === 'identity';
  return isPlain && isJsonContentType(type) ? undefined : refusals.mediaType();
};

export interface Entered {
  visit: Visit;
  /** Counts it as a stream that stays open, or says why not. */
  stay(): Refusal | undefined;
  leave(): void;
}

/** Lets a request in, or says why not. Who is let in must leave. */
export const letIn = async (
  door: Door,
  request: IncomingMessage,
  response: ServerResponse,
  endpoint: string,
): Promise<Entered | Refusal> => {
  const foreign = stranger(door, request);
  if (foreign !== undefined) return refusals.origin(foreign);
  if (door.stopping()) return refusals.stopping();
  const inForce = door.configuration();
  if (!inForce) return refusals.notConfigured();

  const header = headerOf(request.headers, 'traceparent');
  const found = door.callers.identify(headerOf(request.headers, 'authorization'), inForce, {
    protocol: PROTOCOL,
    traceparent: header,
  });
  const metadata = `, resource_metadata="${metadataUrlOf(door.publicUrl(), endpoint)}"`;
  if (found.problem !== undefined)
    return refusals.unauthenticated(found.problem, challengeOf(found.problem) + metadata);
  const { credential } = found.caller;
  let acting = { caller: found.caller, contextId: '' };
  const token = headerOf(request.headers, ACTOR_HEADER);
  if (token !== undefined)
    try {
      acting = await callerByToken(door.verifyJwt, token, credential);
    } catch {
      return refusals.actor(challengeOf('unknown') + metadata);
    }

  const now = door.now();
  const requestId = newId(now);
  const { tenant } = credential.subject;
  const given = headerOf(request.headers, 'x-conversation-id');
  const contextId =
    given === undefined && acting.contextId ? acting.contextId : conversationOf(tenant, given, requestId);
  if (contextId === undefined)
    return refusals.header('x-conversation-id', '1 to 128 characters of A-Z a-z 0-9 . _ : -');
  const timeoutMs = timeoutOf(headerOf(request.headers, 'x-request-timeout-ms'), inForce.limits);
  if (timeoutMs === undefined)
    return refusals.header('x-request-timeout-ms', 'a positive whole number of milliseconds');
  const problem = bodyProblem(request, inForce.limits.bodyBytes);
  if (problem) return problem;

  const words = { process: refusals.tooMany, credential: refusals.tooManyOfCredential };
  let admission = request.method === 'GET' ? door.streams : door.calls;
  const crowded = admission.enter(credential.id, inForce.limits);
  if (crowded) return words[crowded]();
  let isIn = true;
  return {
    visit: {
      caller: acting.caller,
      endpoint,
      inForce,
      request,
      response,
      traceparent: acceptTraceparent(header),
      contextId,
      requestId,
      deadline: now + timeoutMs,
      said: { method: '', name: '', session: '', ended: '' },
    },
    stay: () => {
      const crowded = isIn ? door.streams.enter(credential.id, inForce.limits) : undefined;
      if (crowded || !isIn) return crowded && words[crowded]();
      admission.leave(credential.id);
      admission = door.streams;
      return undefined;
    },
    leave: () => {
      if (isIn) admission.leave(credential.id);
      isIn = false;
    },
  };
};
