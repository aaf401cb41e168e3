// Made by `npm run generate`. Do not edit.

/** The agent is there, and this is its card. */
export interface AgentAnnounced {
  /** The agent whose topic this is. */
  agent: string;
  /** A2A AgentCard in ProtoJSON. */
  card: Buffer;
}

/** The agent asks for a call in the course of a task. */
export interface AgentCalled {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** Tells it from the agent's other calls of the task. Called again with the same id, it is the same call. */
  callId: string;
  /** model.chat, model.embed, model.respond, agent.send or tool.call. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** The language of message. */
  protocol: string;
  /** After this instant nothing is begun for it. */
  deadline: number;
  /** Whether performing it twice does no harm beyond its cost. */
  repeatable: boolean;
  /** The protocol's own message. */
  message: Buffer;
}

/** An agent's card, as the agent or its server publishes it: latest per agent. */
export interface AgentCardPublished {
  /** The agent. */
  agent: string;
  /** A2A AgentCard in ProtoJSON. */
  card: Buffer;
  /** sha256 of the card, and of the extended card after it where there is one, hexadecimal. */
  digest: string;
  /** Whether it is signed, and the signature holds. */
  signature: CardSignature;
  /** What the agent tells of itself to who is authenticated (A2A 1.0, 3.1.11), as the mesh is: an AgentCard in ProtoJSON. */
  extendedCard: null | Buffer;
}

/** An agent's card could not be taken. The one before stays. */
export interface AgentCardRefused {
  /** The agent. */
  agent: string;
  /** sha256 of what came, hexadecimal; empty where nothing came. */
  digest: string;
  /** Why, for a person to read. */
  reason: string;
}

/** The agent says something about a task, or answers a message without one. */
export interface AgentReported {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** A2A 1.0 StreamResponse in ProtoJSON, with the mesh's ids. */
  update: Buffer;
}

/** The agent wants to be woken. */
export interface AgentSlept {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** Tells it from the agent's other timers of the task. Set again with the same id, it is the same timer. */
  timerId: string;
  /** When. */
  at: number;
}

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
  /** Whether it counts against a breaker. */
  targetAtFault: boolean;
  /** Whether another attempt may be made. */
  retryable: boolean;
  /** The call, where retryable. */
  request: null | Request;
  /** Why it was permitted, where retryable. */
  decision: null | Decision;
  /** The tool of the target that failed, and not all of it: the breaker that it counts against. Empty: the target. */
  tool: string;
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

/** Routing sends calls to a target, or to one tool of it, again. */
export interface BreakerClosed {
  /** Id of the target, or of one tool of it: target/tool. */
  target: string;
  /** For a person to read. */
  reason: string;
}

/** Routing stops sending calls to a target, or to one tool of it. */
export interface BreakerOpened {
  /** Id of the target, or of one tool of it: target/tool. */
  target: string;
  /** For a person to read. */
  reason: string;
  /** Recent failures that led to it. */
  failures: number;
  /** From this instant one call may test the target. */
  until: number;
}

/** What became of a call of the agent. */
export interface CallAnswered {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** The call. */
  callId: string;
  /** How it ended. */
  outcome: CallOutcome;
  /** HTTP status of what answered; 0 where nothing did. */
  status: number;
  /** Why it did not complete, for a person to read. */
  reason: string;
  /** The answer in the protocol's own form; empty where there is none. */
  message: Buffer;
}

/** How a call ended. */
export type CallOutcome = 'UNSPECIFIED' | 'COMPLETED' | 'DENIED' | 'UNROUTABLE' | 'FAILED';

/** An agent on the log asks for a call in the course of a task. Not yet checked. */
export interface CallReported {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** Tells it from the agent's other calls of the task. */
  callId: string;
  /** As policies name it, e.g. model.chat. */
  action: string;
  /** Of what. */
  resource: Resource;
  /** The language of message. */
  protocol: string;
  /** After this instant nothing is begun for it. */
  deadline: number;
  /** Whether performing it twice does no harm beyond its cost. */
  repeatable: boolean;
  /** Whether the answer is wanted in chunks. */
  streaming: boolean;
  /** The protocol's own message. */
  message: Buffer;
}

/** What is new about a task that the agent began at another agent. */
export interface CallUpdated {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** The call by which it was begun. */
  callId: string;
  /** That task. */
  childTaskId: string;
  /** 1 for the first; one more each time. */
  sequence: number;
  /** A2A's TaskState after it. */
  state: string;
  /** A2A 1.0 StreamResponse in ProtoJSON, with the mesh's ids. */
  update: Buffer;
}

/** The task is cancelled: the agent is to stop. */
export interface CancelDelivered {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** Why, for a person to read. */
  reason: string;
}

/** Why a request is not wanted any more. */
export type CancelReason = 'UNSPECIFIED' | 'CLIENT_GONE' | 'DEADLINE' | 'CLIENT_TOO_SLOW' | 'APPEND_UNCONFIRMED';

/** The answer to a request is not wanted any more. */
export interface CancelRequested {
  /** Why. */
  reason: CancelReason;
}

/** What the signatures of an agent card are worth. */
export type CardSignature = 'UNSPECIFIED' | 'UNSIGNED' | 'VERIFIED';

/** Why policy ruled as it did, and under which configuration. */
export interface Decision {
  /** The version of the configuration the ruling was made under. */
  configurationVersion: string;
  /** Ids of the policies that determined it. */
  policies: string[];
  /** For a person to read. */
  reason: string;
}

/** What an MCP server offers. */
export type DefinitionKind = 'UNSPECIFIED' | 'TOOL' | 'PROMPT' | 'RESOURCE' | 'RESOURCE_TEMPLATE' | 'INSTRUCTIONS';

/** A tool, prompt or resource, as its server describes it now, or what the server wants models to know: latest per definition. */
export interface DefinitionObserved {
  /** Its server's name in mesh.yaml. */
  server: string;
  /** What it is. */
  kind: DefinitionKind;
  /** The server's own name for it: of a tool or prompt its name, of a resource its URI, of a template its URI template; of a server's instructions: instructions. */
  name: string;
  /** As MCP has it, as JSON with sorted keys; empty where it is gone. */
  definition: Buffer;
  /** sha256 of the definition, hexadecimal; empty where the server no longer has it. */
  digest: string;
  /** What the mesh's rules find suspicious in it, a line each. */
  findings: string[];
}

/** Somebody, or a rule of the mesh, has said whether a definition may be used: latest per definition. */
export interface DefinitionReviewed {
  /** Its server's name in mesh.yaml. */
  server: string;
  /** What it is. */
  kind: DefinitionKind;
  /** The server's own name for it. */
  name: string;
  /** Which definition was reviewed: the digest of the one observed. Another one is held back. */
  digest: string;
  /** Whether it may be used. */
  verdict: Verdict;
  /** The person who decided; mesh: a rule. */
  by: string;
  /** Why. */
  note: string;
  /** As it was reviewed, so that a change can be shown beside it. */
  definition: Buffer;
}

/** Why a request was refused. */
export type DenialReason = 'UNSPECIFIED' | 'NOT_CONFIGURED' | 'NO_ACCOUNTABLE_PERSON' | 'RESOURCE_UNKNOWN' | 'ACTION_UNSUPPORTED' | 'POLICY' | 'AGENT_CYCLE' | 'TOO_DEEP' | 'NOT_APPROVED' | 'UNDECLARED';

/** Somebody has found out whether a call took effect of which the mesh could not know: latest per request. */
export interface EffectSettled {
  /** The request that ended without its outcome being known. */
  requestId: string;
  /** Whether it took effect. */
  happened: boolean;
  /** The person who found out. */
  by: string;
  /** How, for the record. */
  note: string;
}

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

/** A client's answer to what a server asked of it in the course of a request. */
export interface InputProvided {
  /** Which question: the id that the mesh gave it in the request's ResponseChunk. */
  inputId: string;
  /** JSON-RPC result or error, as JSON: {result} or {error}. */
  payload: Buffer;
}

/** An MCP server said that a list of what it offers changed. Whether it did the definitions tell. */
export interface ListChanged {
  /** Its server's name in mesh.yaml. */
  server: string;
  /** Of what: tools, prompts, or resources with their templates. */
  kind: DefinitionKind;
}

/** The mesh is logged in to an MCP server from here on, by a person, or because a login was renewed: latest per server. */
export interface LoggedIn {
  /** Its name in mesh.yaml. */
  server: string;
  /** Its URL: the tokens are shown nowhere else. */
  url: string;
  /** The authorization server that let the mesh in. */
  issuer: string;
  /** What the tokens are for, as the authorization server was told (RFC 8707); empty: it was not told. */
  resource: string;
  /** What was granted; empty: that was not said. */
  scope: string;
  /** When the access token ends; null: that was not said. */
  expiresAt: null | number;
  /** The person who logged in. It stays when the login is renewed. */
  by: string;
  /** JSON of how the client is known and of its tokens, encrypted with the mesh's key. */
  sealed: Buffer;
}

/** The mesh is logged in to an MCP server no longer. */
export interface LoggedOut {
  /** Its name in mesh.yaml. */
  server: string;
  /** The person who said so; mesh: the authorization server did. */
  by: string;
  /** Why, for a person. */
  reason: string;
}

/** An MCP server did not take a login, or it has expired: it is to be renewed. Latest per server. */
export interface LoginRefused {
  /** Its name in mesh.yaml. */
  server: string;
  /** The id of the LoggedIn that was refused: what is said of an earlier one is of no account. */
  login: string;
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

/** A message for the agent: it begins a task or continues one. */
export interface MessageDelivered {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** The conversation, and the key of every record about it. */
  contextId: string;
  /** The request that carried it. */
  requestId: string;
  /** Who asks, on whose behalf, through whom. */
  subject: Subject;
  /** Whether the task existed before. */
  continues: boolean;
  /** The turn fails if it has not ended by then. */
  deadline: number;
  /** A2A SendMessageRequest in ProtoJSON. */
  request: Buffer;
}

/** A target whose breaker was open, or that of one tool of it, has served a call. */
export interface ProbeSucceeded {
  /** Who served it. */
  target: Target;
  /** The tool of it that did. Empty: it is no tool's call. */
  tool: string;
}

/** It is not wanted any more. */
export interface PushConfigurationDeleted {
  /** The task. */
  taskId: string;
  /** Unique in its task. */
  configurationId: string;
}

/** A client wants to be told of a task's updates by HTTP. */
export interface PushConfigurationSet {
  /** The task. */
  taskId: string;
  /** Unique in its task. */
  configurationId: string;
  /** The agent. */
  agent: string;
  /** Who. */
  subject: Subject;
  /** Where to. */
  url: string;
  /** The rest of A2A's TaskPushNotificationConfig, with its secrets, encrypted with the mesh's key. */
  sealed: Buffer;
}

/** A client was told of an update. */
export interface PushDelivered {
  /** The task. */
  taskId: string;
  /** Whom. */
  configurationId: string;
  /** Of the TaskUpdated. */
  sequence: number;
  /** How many it took. */
  attempts: number;
}

/** A client could not be told of an update, and will not be. */
export interface PushFailed {
  /** The task. */
  taskId: string;
  /** Whom. */
  configurationId: string;
  /** Of the TaskUpdated. */
  sequence: number;
  /** How many were made. */
  attempts: number;
  /** Why, for a person to read. */
  reason: string;
}

/** Why what an agent said was not taken. */
export type RefusalReason = 'UNSPECIFIED' | 'UNKNOWN_TASK' | 'NOT_ITS_TASK' | 'TASK_ENDED' | 'ILLEGAL_TRANSITION' | 'MALFORMED' | 'TOO_MANY' | 'NOT_REGISTERED';

/** How an agent beyond the mesh names a task. */
export interface RemoteTask {
  /** Its own id of the task. */
  taskId: string;
  /** Its own id of the context. */
  contextId: string;
}

/** An agent said what it may not, or what makes no sense. Nothing comes of it. */
export interface ReportRefused {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** The class of the refusal. */
  reason: RefusalReason;
  /** Why, for a person to read. */
  message: string;
  /** The call or timer that it was about; empty where it was about the task. */
  callId: string;
}

/** What the agent said was not taken. */
export interface ReportReturned {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** The class of the refusal. */
  reason: RefusalReason;
  /** Why, for a person to read. */
  message: string;
  /** The call or timer that it was about; empty where it was about the task. */
  callId: string;
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
  /** Of a message to an agent: the task that it continues, or is to begin; else empty. */
  taskId: string;
  /** The task in the course of which an agent asks this; empty where there is none. */
  parentTaskId: string;
  /** What policies can test of the message: of a tool call its arguments, by dotted path, as text. */
  arguments: Record<string, string>;
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

/** An MCP server said that a resource changed. */
export interface ResourceChanged {
  /** Its server's name in mesh.yaml. */
  server: string;
  /** The server's own URI of it. */
  uri: string;
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

/** A client with a session has said that its roots are others than before: servers that asked for them may want to ask again. */
export interface RootsChanged {
  /** The Mcp-Session-Id; also the key of its conversation. */
  session: string;
}

/** What an MCP server says of itself: latest per server. */
export interface ServerObserved {
  /** Its name in mesh.yaml. */
  server: string;
  /** The revisions of MCP that it speaks, newest first; empty: it could not be reached. */
  protocolVersions: string[];
  /** MCP ServerCapabilities, as JSON. */
  capabilities: Buffer;
  /** MCP Implementation: name, title and version, as JSON. */
  info: Buffer;
  /** Empty: what is for the model is observed as a definition of its own, to be reviewed. */
  instructions: string;
  /** Why it could not be reached; empty: it could. */
  problem: string;
  /** What it lists and nobody is offered, with the reason of each; the last says how many more there are. */
  leftOut: string[];
}

/** What the mesh knows of a session of an MCP client that speaks a revision with sessions (up to 2025-11-25). */
export interface SessionChanged {
  /** The Mcp-Session-Id; also the key of its conversation. */
  session: string;
  /** The name below /mcp that it was opened at; empty: /mcp itself. */
  endpoint: string;
  /** Id of the credential that opened it, and that alone may use it. */
  credential: string;
  /** The revision that was negotiated. */
  protocolVersion: string;
  /** MCP Implementation of the client, as JSON. */
  client: Buffer;
  /** MCP ClientCapabilities, as JSON. */
  capabilities: Buffer;
  /** The least severe log messages that it wants; empty: none was set. */
  logLevel: string;
  /** URIs, as the client names them, of whose changes it is told. */
  subscriptions: string[];
  /** Whether it has ended. */
  closed: boolean;
  /** Id of the event that had the state which this one changes; where another came between, this one is void, and is made anew. Empty: the first. */
  follows: string;
}

/** An agent on the log wants to be woken. Not yet checked. */
export interface SleepReported {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** Tells it from the agent's other timers of the task. */
  timerId: string;
  /** When. */
  at: number;
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

/** The agent did a step of its own, and does not want to do it again. */
export interface StepRecorded {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** 0 for the first of all that the agent awaits in the task. */
  step: number;
  /** As the agent's code names it. */
  name: string;
  /** What came of it, JSON. */
  result: Buffer;
  /** Whether it threw. */
  failed: boolean;
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
  /** The agents through which it came to this one, the first that asked first; empty where the agent asks by itself. */
  actors: string[];
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

/** Someone wants a task to end. */
export interface TaskCancelRequested {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** Who. */
  subject: Subject;
  /** Why, for a person to read. */
  reason: string;
}

/** An edge heard from an agent about a task. Not yet checked. */
export interface TaskReported {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** A2A 1.0 StreamResponse in ProtoJSON, with the mesh's ids. */
  update: Buffer;
  /** Set by the first report of a turn. */
  turn: null | Turn;
  /** The task in the course of which this one was begun; empty where there is none. */
  parentTaskId: string;
  /** How the agent names the task, where it does so itself. */
  remote: null | RemoteTask;
  /** False: the edge says so itself; those who follow the task are told once the agent has said something. */
  announced: boolean;
}

/** What the mesh knows of a task, less its contents: latest per task. */
export interface TaskSnapshot {
  /** The task. */
  taskId: string;
  /** Its conversation. */
  contextId: string;
  /** The agent. */
  agent: string;
  /** Who asked for it. */
  subject: Subject;
  /** A2A's TaskState. */
  state: string;
  /** Of the last TaskUpdated. */
  sequence: number;
  /** When it began. */
  createdAt: number;
  /** When its state was last changed. */
  updatedAt: number;
  /** The task in the course of which this one was begun; empty where there is none. */
  parentTaskId: string;
  /** The turn that is open. */
  turn: null | Turn;
  /** How the agent names it. */
  remote: null | RemoteTask;
  /** Digest of its A2A TaskStatus. */
  status: string;
  /** Digests of its artifacts by id. */
  artifacts: Record<string, string>;
  /** Ids of the messages of its history. */
  messages: string[];
  /** The task as A2A ProtoJSON, while those who follow it have not been told of it. */
  pending: null | Buffer;
  /** The request of the turn that is open, or of the last one. */
  requestId: string;
  /** Of the TaskUpdated with which that turn began. */
  turnSequence: number;
  /** Offset on mesh.reports up to which all that was said of the task is in it; -1: nothing. */
  reported: number;
}

/** What is new about a task: the first says what it is, each later one what has changed. */
export interface TaskUpdated {
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** Who asked for the task. */
  subject: Subject;
  /** The request whose turn it is of. */
  requestId: string;
  /** 1 for the first; one more each time. */
  sequence: number;
  /** A2A's TaskState after it, e.g. TASK_STATE_WORKING. */
  state: string;
  /** A2A 1.0 StreamResponse in ProtoJSON, with the mesh's ids. */
  update: Buffer;
  /** The task in the course of which this one was begun; empty where there is none. */
  parentTaskId: string;
}

/** A timer is not needed any more. */
export interface TimerCleared {
  /** Unique in its task. */
  timerId: string;
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** What it is for. */
  purpose: TimerPurpose;
}

/** The agent wanted to be woken now. */
export interface TimerElapsed {
  /** The agent whose topic this is. */
  agent: string;
  /** The task. */
  taskId: string;
  /** The timer. */
  timerId: string;
}

/** A timer's instant has come. */
export interface TimerFired {
  /** Unique in its task. */
  timerId: string;
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** What it is for. */
  purpose: TimerPurpose;
}

/** What a timer is for. */
export type TimerPurpose = 'UNSPECIFIED' | 'SLEEP' | 'DEADLINE';

/** Something is to happen at an instant. */
export interface TimerSet {
  /** Unique in its task. */
  timerId: string;
  /** The task. */
  taskId: string;
  /** The agent. */
  agent: string;
  /** What it is for. */
  purpose: TimerPurpose;
  /** When. */
  at: number;
}

/** What one message to an agent began: the agent's turn, until it ends the task or waits for an answer. */
export interface Turn {
  /** The request that carried the message. */
  requestId: string;
  /** Who asked. */
  subject: Subject;
  /** What was asked, as policies name it. */
  action: string;
  /** Of whom. */
  resource: Resource;
  /** Whom routing chose. */
  target: Target;
  /** Which attempt. */
  attempt: number;
  /** The turn fails if it has not ended by then. */
  deadline: number;
  /** When the agent was called. */
  startedAt: number;
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

/** What came of a review. */
export type Verdict = 'UNSPECIFIED' | 'APPROVED' | 'REJECTED';
