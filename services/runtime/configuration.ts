/**
 * The configuration in force, in no protocol's terms: what `MeshConfigured.document` holds.
 * `services/configuration` compiles it from mesh.yaml; every service follows it. It holds `${ENV}` references to
 * secrets, never secrets.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';

const subject = z.object({ tenant: z.string(), unit: z.string(), agent: z.string(), person: z.string() });

const credential = z.object({
  id: z.string(),
  /** sha256 of the key, hexadecimal. */
  hash: z.string(),
  subject,
  revoked: z.boolean(),
  /** ISO 8601; null: never. */
  expiresAt: z.string().nullable(),
});

const target = z.object({
  /** connection/name. */
  id: z.string(),
  connection: z.string(),
  name: z.string(),
  /** Share of the calls among the targets of the same tier. */
  weight: z.number(),
  /** 0 is preferred; a higher tier is used when every target of the lower ones failed or is held back. */
  tier: z.number(),
});

const resource = z.object({
  type: z.string(),
  id: z.string(),
  /** Actions that it supports, e.g. model.chat. */
  actions: z.array(z.string()),
  targets: z.array(target),
  attributes: z.record(z.string(), z.string()),
});

/** How the mesh logs in to a server, where it does (MCP, authorization). */
const oauth = z.object({
  /** authorization_code: a person lets it in. client_credentials: it is let in as itself. */
  grant: z.enum(['authorization_code', 'client_credentials']),
  /** Where the client's secret, or what it signs, may go; null: there is neither. */
  issuer: z.string().nullable(),
  /** Null: it registers itself. */
  clientId: z.string().nullable(),
  /** `${ENV}` references, as a connection's credential is. */
  clientSecret: z.string().nullable(),
  privateKey: z.string().nullable(),
  /** Of the private key, e.g. ES256. */
  algorithm: z.string().nullable(),
  clientMetadataUrl: z.string().nullable(),
  /** Null: what the server asks for. */
  scope: z.string().nullable(),
});

const connection = z.object({
  id: z.string(),
  /** Which outbound edge speaks to it, and how: openai, a2a, a2a-log, mcp. */
  protocol: z.string(),
  /** Empty: it is a process. */
  url: z.string(),
  /** What is started to speak to it over stdio; null: it has a url. Values of env are `${ENV}` references where they are secret. */
  process: z
    .object({
      command: z.string(),
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()),
      cwd: z.string().nullable(),
    })
    .nullable()
    .default(null),
  /** `${ENV}` references, resolved by the outbound edge only. */
  credential: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  /** Null: it presents only what is configured. */
  oauth: oauth.nullable().default(null),
  /** Which of the protocol's interfaces it has, e.g. chat, responses, embeddings. */
  interfaces: z.array(z.string()),
  connectTimeoutMs: z.number(),
  firstByteTimeoutMs: z.number(),
  idleTimeoutMs: z.number(),
  maxResponseBytes: z.number(),
});

const agent = z.object({
  name: z.string(),
  tenant: z.string(),
  unit: z.string(),
  /** The person accountable for what it does by itself. */
  owner: z.string(),
  /** caller: it only calls. http: an A2A server. log: it lives on the log, on topics of its own. */
  kind: z.enum(['caller', 'http', 'log']),
  /** Of its inbox and its outbox. */
  partitions: z.number(),
  /** What it has declared to use of MCP servers: `server/tool`, `server/*`, or `*`. Nothing else is it let use. */
  tools: z.array(z.string()).default([]),
});

/** What becomes of a larger result. */
const tooLarge = z.enum(['refuse', 'truncate']);

/** Limits of one tool of an MCP server; null: there is none of its own. */
const serverTool = z.object({
  /** The server's own name for it. */
  name: z.string(),
  callsInFlight: z.number().nullable(),
  callsPerMinute: z.number().nullable(),
  resultBytes: z.number().nullable(),
  tooLarge: tooLarge.nullable(),
  firstByteTimeoutMs: z.number().nullable(),
  idleTimeoutMs: z.number().nullable(),
});

/** Those of a server that has no more than `callsInFlight`, as versions of before there were others have it. */
export const noLimits: {
  callsPerMinute: number | null;
  resultBytes: number | null;
  tooLarge: z.infer<typeof tooLarge>;
  tools: z.infer<typeof serverTool>[];
} = {
  callsPerMinute: null,
  resultBytes: null,
  tooLarge: 'refuse',
  tools: [],
};

/** An MCP server. What may be done with it is in its resource of type server, how it is reached in its connection. */
const server = z.object({
  name: z.string(),
  /** Id of its connection. */
  connection: z.string(),
  version: z.string(),
  /** What its callers are to use instead; null: it is not deprecated. */
  deprecated: z.string().nullable(),
  /** Whether definitions that the mesh sees for the first time, and finds nothing suspicious in, may be used at once. */
  review: z.enum(['changes', 'all']),
  /** Calls in flight to it, per instance; above it they are refused. */
  callsInFlight: z.number(),
  /** Calls that it gets in a minute, per instance; above it they are refused. Null: however many. */
  callsPerMinute: z.number().nullable().default(noLimits.callsPerMinute),
  /** The largest answer that callers get; null: what its connection accepts. */
  resultBytes: z.number().nullable().default(noLimits.resultBytes),
  tooLarge: tooLarge.default(noLimits.tooLarge),
  /** What its tools have of their own, beside what holds for all of it. */
  tools: z.array(serverTool).default(noLimits.tools),
});

/** A chosen set of what servers offer, at /mcp/<name>. */
const endpoint = z.object({
  name: z.string(),
  title: z.string().nullable(),
  instructions: z.string().nullable(),
  /** Servers all of which is in it, under the names that they give it. */
  servers: z.array(z.string()),
  /** Agents, each a tool of its name. */
  agents: z.array(z.string()).default([]),
  tools: z.array(
    z.object({
      server: z.string(),
      tool: z.string(),
      /** What clients know it by. */
      name: z.string(),
      /** Instead of the server's; null: the server's. */
      description: z.string().nullable(),
      /** JSON values of arguments that a caller leaves out, by name. */
      defaults: z.record(z.string(), z.unknown()),
    }),
  ),
});

const a2a = z.object({
  /** The agent whose card is at the root of the host too; null: none. */
  rootAgent: z.string().nullable(),
  /** Where clients reach the mesh; null: where it listens. */
  publicUrl: z.string().nullable(),
  /** How long a turn of an agent may take. */
  turnDeadlineMs: z.number(),
  /** Agents in a row that ask one another. */
  maxDepth: z.number(),
  /** Hosts that push notifications may go to although they are private. */
  pushTo: z.array(z.string()),
});

const price = z.object({
  /** Target id, or resource as type/id; a target's price goes first. */
  of: z.string(),
  /** Price of one unit of the meter, in billionths of the currency. */
  nanosPer: z.record(z.string(), z.number()),
});

/** What readers of the log do not show, beside what they never do. */
const redaction = z.object({
  /** Names of fields. */
  fields: z.array(z.string()),
  /** Regular expressions. */
  patterns: z.array(z.string()),
});

/** A mesh without agents that can be called and without MCP servers, as versions of before there were any have it. */
export const noAgents: {
  agents: z.infer<typeof agent>[];
  servers: z.infer<typeof server>[];
  endpoints: z.infer<typeof endpoint>[];
  a2a: z.infer<typeof a2a>;
  redaction: z.infer<typeof redaction>;
} = {
  agents: [],
  servers: [],
  endpoints: [],
  a2a: { rootAgent: null, publicUrl: null, turnDeadlineMs: 604_800_000, maxDepth: 8, pushTo: [] },
  redaction: { fields: [], patterns: [] },
};

const configuration = z.object({
  credentials: z.array(credential),
  resources: z.array(resource),
  connections: z.array(connection),
  agents: z.array(agent).default(noAgents.agents),
  a2a: a2a.default(noAgents.a2a),
  servers: z.array(server).default(noAgents.servers),
  endpoints: z.array(endpoint).default(noAgents.endpoints),
  currency: z.string(),
  prices: z.array(price),
  redaction: redaction.default(noAgents.redaction),
  limits: z.object({
    requestsInFlight: z.number(),
    requestsInFlightPerCredential: z.number(),
    bodyBytes: z.number(),
    deadlineMs: z.number(),
    maxDeadlineMs: z.number(),
  }),
  routing: z.object({
    /** Attempts per request, over all targets. */
    maxAttempts: z.number(),
    breaker: z.object({
      /** Failures within 30 s that open it, where they are at least half of the calls. */
      failures: z.number(),
      openMs: z.number(),
    }),
  }),
  /** Cedar policies, by id. */
  policies: z.array(z.object({ id: z.string(), text: z.string() })),
});

/** @see configuration.ts */
export type Configuration = z.infer<typeof configuration> & { version: string };
export type Connection = z.infer<typeof connection>;
export type OAuthConfiguration = z.infer<typeof oauth>;
export type ResourceConfiguration = z.infer<typeof resource>;
export type TargetConfiguration = z.infer<typeof target>;
export type AgentConfiguration = z.infer<typeof agent>;
export type ServerConfiguration = z.infer<typeof server>;
export type EndpointConfiguration = z.infer<typeof endpoint>;
export type Credential = z.infer<typeof credential>;

/** Reads `MeshConfigured`. @throws ZodError when the document is not a configuration. */
export const parseConfiguration = ({ version, document }: { version: string; document: string }): Configuration => ({
  ...configuration.parse(JSON.parse(document)),
  version,
});

/** Types of resources that a server has: those are `server/name`, and there are as many as it says. */
const offered: ReadonlySet<string> = new Set(['tool', 'prompt', 'resource']);

/** The resource of the configuration that stands for one that is asked for: itself, or of what a server offers, the server. */
export const configuredAs = ({ type, id }: { type: string; id: string }): { type: string; id: string } =>
  offered.has(type) ? { type: 'server', id: id.slice(0, Math.max(0, id.indexOf('/'))) } : { type, id };

/** The tool of an MCP server that is asked for, by the server's name for it; empty: what is asked for is none. */
export const toolIn = ({ type, id }: { type: string; id: string }): string =>
  type === 'tool' ? id.slice(id.indexOf('/') + 1) : '';

/** What a key is known by: its sha256, hexadecimal. Enough, as keys are random and long. */
export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');
