// Made by `npm run generate`. Do not edit.

/** An outbound edge is about to make a call that is not safe to repeat. */
export interface AttemptBegun {
  /** Whom it calls. */
  target: Target;
  /** Which attempt. */
  attempt: number;
}

/** An attempt failed. Where retryable, the request is carried forward for another. */
export interface AttemptFailed {
  /** Who was called. */
  target: Target;
  /** Which attempt. */
  attempt: number;
  /** Ids of the targets tried so far, this one included, in order. */
  tried: string[];
  /** How it failed. */
  failure: Failure;
  /** Whether it counts against the target's breaker. */
  targetAtFault: boolean;
  /** Whether another attempt may be made. */
  retryable: boolean;
  /** The call, where retryable. */
  request: null | Request;
  /** Why it was permitted, where retryable. */
  decision: null | Decision;
}

/** One link of the audit chain of a partition. */
export interface AuditEntry {
  /** 1 for the first entry of the partition. */
  sequence: number;
  /** hash of the entry before; 64 zeros for the first. */
  previousHash: string;
  /** sha256, hexadecimal, of the entry without this field: see services/audit/chain.ts. */
  hash: string;
  /** Where the event is. */
  topic: string;
  /** Where the event is. */
  partition: number;
  /** Where the event is. */
  offset: number;
  /** sha256 of the event's value as recorded, hexadecimal. */
  digest: string;
  /** The event. */
  eventId: string;
  /** Its type. */
  eventType: string;
  /** The service that wrote it. */
  eventSource: string;
  /** When it was written. */
  eventTime: number;
  /** The conversation. */
  contextId: string;
  /** The request. */
  correlationId: string;
  /** Who acted, where the event says. */
  subject: null | Subject;
  /** What was asked; empty where the event does not say. */
  action: string;
  /** Of what. */
  resource: null | Resource;
  /** What the event means: received, permitted, denied, dispatched, unroutable, begun, failed-attempt, probe-succeeded, completed, failed, cancelled, unauthenticated, configured, breaker-opened, breaker-closed. */
  outcome: string;
  /** Why, where the event says. */
  reason: string;
  /** The configuration it was decided under, where the event says. */
  configurationVersion: string;
}

/** An edge turned away callers it could not identify. Frequent ones are counted in one event. */
export interface AuthenticationFailed {
  /** The protocol they spoke. */
  protocol: string;
  /** What was wrong with the credential. */
  reason: string;
  /** Id or fingerprint of what was presented, never the credential; empty where nothing was. */
  credential: string;
  /** How many this event stands for. */
  count: number;
}

/** Routing sends calls to a target again. */
export interface BreakerClosed {
  /** Id of the target. */
  target: string;
  /** For a person to read. */
  reason: string;
}

/** Routing stops sending calls to a target. */
export interface BreakerOpened {
  /** Id of the target. */
  target: string;
  /** For a person to read. */
  reason: string;
  /** Recent failures that led to it. */
  failures: number;
  /** From this instant one call may test the target. */
  until: number;
}

/** Why a request is not wanted any more. */
export type CancelReason = 'UNSPECIFIED' | 'CLIENT_GONE' | 'DEADLINE' | 'CLIENT_TOO_SLOW' | 'APPEND_UNCONFIRMED';

/** The answer to a request is not wanted any more. */
export interface CancelRequested {
  /** Why. */
  reason: CancelReason;
}

/** Why policy ruled as it did, and under which configuration. */
export interface Decision {
  /** The version of the configuration the ruling was made under. */
  configurationVersion: string;
  /** Ids of the policies that determined it. */
  policies: string[];
  /** For a person to read. */
  reason: string;
}

/** Why a request was refused. */
export type DenialReason = 'UNSPECIFIED' | 'NOT_CONFIGURED' | 'NO_ACCOUNTABLE_PERSON' | 'RESOURCE_UNKNOWN' | 'ACTION_UNSUPPORTED' | 'POLICY';

/** A record that a service can never process, kept whole. */
export interface EventDeadLettered {
  /** Who could not process it. */
  service: string;
  /** Why not. */
  reason: string;
  /** Where it was, without the cluster's topic prefix. */
  topic: string;
  /** Where it was. */
  partition: number;
  /** Where it was. */
  offset: number;
  /** Its key. */
  recordKey: null | Buffer;
  /** Its value. */
  recordValue: null | Buffer;
  /** Its headers. */
  recordHeaders: Record<string, Buffer>;
}

/** What went wrong, without secrets and without internals of the mesh. */
export interface Failure {
  /** The class of the failure. */
  reason: FailureReason;
  /** For a person to read. */
  message: string;
  /** HTTP status of the upstream, where there was one. */
  status: null | number;
  /** How long the upstream asked to wait, milliseconds. */
  retryAfterMs: null | number;
  /** Headers of the upstream that its client should see, lower case. */
  headers: Record<string, string>;
  /** The upstream's own error, byte for byte, where there was one. */
  body: null | Buffer;
}

/** Why an attempt or a request did not succeed. */
export type FailureReason = 'UNSPECIFIED' | 'CONNECT_FAILED' | 'CONNECT_TIMEOUT' | 'FIRST_BYTE_TIMEOUT' | 'IDLE_TIMEOUT' | 'CONNECTION_LOST' | 'BAD_RESPONSE' | 'RATE_LIMITED' | 'UPSTREAM_ERROR' | 'REQUEST_REFUSED' | 'RESPONSE_TOO_LARGE' | 'MISCONFIGURED' | 'CANCELLED' | 'DEADLINE_EXCEEDED' | 'OUTCOME_UNKNOWN';

/** A caller named a request by an idempotency key: where its answer will be found. */
export interface IdempotencyKeyUsed {
  /** sha256 of the credential's tenant and agent and of the key, hexadecimal. */
  scope: string;
  /** The request that it names now. */
  requestId: string;
  /** The conversation of that request. */
  contextId: string;
  /** sha256 of the message, hexadecimal. */
  fingerprint: string;
}

/** The configuration that is in force from here on. */
export interface MeshConfigured {
  /** sha256 of document, its first 12 hexadecimal digits. */
  version: string;
  /** The version it follows. */
  previousVersion: null | string;
  /** The compiled configuration, JSON. Holds references to secrets, never secrets. */
  document: string;
}

/** A target whose breaker was open has served a call. */
export interface ProbeSucceeded {
  /** Who served it. */
  target: Target;
}

/** One call, in no protocol's terms, with the protocol's own message beside it, verbatim. */
export interface Request {
  /** Also the correlation id of every event that follows from it. */
  id: string;
  /** The conversation, and the key of every record about it. */
  contextId: string;
  /** Who asks. */
  subject: Subject;
  /** What is asked, as policies name it, e.g. model.chat. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** The language of message, e.g. openai.chat; names who can perform and answer it. */
  protocol: string;
  /** After this instant nothing is begun for this request. */
  deadline: number;
  /** Whether performing it twice does no harm beyond its cost. */
  repeatable: boolean;
  /** Whether the answer is wanted in chunks. */
  streaming: boolean;
  /** sha256 of the body, hexadecimal: tells a repeated request from another one under the same idempotency key. */
  fingerprint: string;
  /** Protocol headers that travel on, lower case. Never a credential. */
  headers: Record<string, string>;
  /** The protocol's own message, byte for byte: the body, or of a body in spans only what no request before it holds. */
  message: Buffer;
  /** Of which the body is put together, in order; empty: message is the body. A reader older than this field would take a part for the body: it was added before the first release. */
  spans: Span[];
}

/** Policy refused a request. It goes no further. */
export interface RequestDenied {
  /** Who asked. */
  subject: Subject;
  /** What was asked. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** The class of the refusal. */
  reason: DenialReason;
  /** Why. */
  decision: Decision;
}

/** Routing chose a target for a request, which is carried forward. */
export interface RequestDispatched {
  /** The call. */
  request: Request;
  /** Why it was permitted. */
  decision: Decision;
  /** Who is to serve it. */
  target: Target;
  /** 1 for the first. */
  attempt: number;
  /** Ids of the targets of earlier attempts, in order. */
  tried: string[];
  /** Whether this call tests a target whose breaker was open. */
  probe: boolean;
  /** Why this target, for a person to read. */
  reason: string;
  /** The configuration it was chosen under. */
  configurationVersion: string;
}

/** Policy allowed a request, which is carried forward. */
export interface RequestPermitted {
  /** The call. */
  request: Request;
  /** Why. */
  decision: Decision;
}

/** An edge accepted a call from an authenticated caller. */
export interface RequestReceived {
  /** The call. */
  request: Request;
}

/** Routing found no target, or none is left. The request ends here. */
export interface RequestUnroutable {
  /** Who asked. */
  subject: Subject;
  /** What was asked. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** Why. */
  reason: UnroutableReason;
  /** How many attempts were made. */
  attempts: number;
  /** The failure of the last attempt, where there was one. */
  failure: null | Failure;
  /** The configuration it was decided under. */
  configurationVersion: string;
}

/** What is acted upon. */
export interface Resource {
  /** model; later tool, agent. */
  type: string;
  /** Its name in the mesh. */
  id: string;
}

/** A part of a streamed answer. */
export interface ResponseChunk {
  /** 0 for the first part of the attempt. */
  index: number;
  /** Which attempt it belongs to. */
  attempt: number;
  /** The protocol's own bytes. */
  payload: Buffer;
}

/** A request was served. */
export interface ResponseCompleted {
  /** Who asked. */
  subject: Subject;
  /** What was asked. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** Who served it. */
  target: Target;
  /** Which attempt. */
  attempt: number;
  /** HTTP status of the upstream. */
  status: number;
  /** Headers of the upstream that its client should see, lower case. */
  headers: Record<string, string>;
  /** The whole answer in the protocol's own form, of a streamed one too. */
  message: Buffer;
  /** How many ResponseChunk events came before; 0 when the answer was not streamed. */
  chunks: number;
  /** What was used, by meter, e.g. input_tokens. */
  meters: Record<string, number>;
  /** Whether meters were counted by the mesh because the upstream did not say. */
  estimated: boolean;
  /** When the call was begun. */
  startedAt: number;
  /** When its first byte came. */
  firstByteAt: number;
}

/** A request was dispatched and ended without a whole answer. */
export interface ResponseFailed {
  /** Who asked. */
  subject: Subject;
  /** What was asked. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** Who was called, or was to be. */
  target: Target;
  /** Which attempt. */
  attempt: number;
  /** How it failed. */
  failure: Failure;
  /** How many ResponseChunk events came before. */
  chunks: number;
  /** What was used all the same, by meter. */
  meters: Record<string, number>;
  /** Whether meters were counted by the mesh. */
  estimated: boolean;
}

/** A part of a request's body, by where its bytes are. */
export interface Span {
  /** Of the RequestReceived on mesh.requests, in the same partition, whose message holds them; -1: this request's own. */
  offset: number;
  /** Where in that message they begin. */
  from: number;
  /** How many bytes they are. */
  length: number;
}

/** Who acts, and on whose behalf. Cedar calls the agent the principal. */
export interface Subject {
  /** The company or division that owns the call. */
  tenant: string;
  /** The business unit that pays for it. */
  unit: string;
  /** The program that calls. */
  agent: string;
  /** The accountable person on whose behalf it calls. */
  person: string;
  /** Id of the credential that proved it, never the credential. */
  credential: string;
}

/** One way to have a resource served. */
export interface Target {
  /** connection/name, unique in a configuration; what breakers are kept by. */
  id: string;
  /** The configured connection that serves it. */
  connection: string;
  /** What the resource is called there. */
  name: string;
}

/** Why a permitted request found no target. */
export type UnroutableReason = 'UNSPECIFIED' | 'NO_TARGET' | 'BREAKERS_OPEN' | 'ATTEMPTS_EXHAUSTED' | 'DEADLINE_EXCEEDED';

/** What one response used and cost, once. */
export interface UsageRecorded {
  /** Who pays. */
  subject: Subject;
  /** What was asked. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** Who served it. */
  target: Target;
  /** What was used, by meter. */
  meters: Record<string, number>;
  /** Whether meters were counted by the mesh. */
  estimated: boolean;
  /** Cost in billionths of the currency. */
  costNanos: number;
  /** ISO 4217. */
  currency: string;
  /** Whether every meter had a price. */
  priced: boolean;
  /** The version of the prices. */
  configurationVersion: string;
}
