/**
 * What MCP's edges say to one another in the log, as JSON in UTF-8: the request, the parts of its answer, the client's answers
 * to a server's questions, the outcome. Written by one side, read by the other; the envelope of JSON-RPC is each side's own.
 */
import { z } from 'zod';

/** What every request to the mesh's MCP endpoint has for its protocol. */
export const PROTOCOL = 'mcp';

/** Members of `_meta` by which a request says what a session said once (MCP 2026-07-28, basic: _meta). */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
} as const;

/** Revisions of MCP that have sessions end here. */
export const MODERN = '2026-07-28';

/** Whether a revision is one without sessions. Revisions are dates, and so in order. */
export const isModern = (protocolVersion: string): boolean => protocolVersion >= MODERN;

const members = z.record(z.string(), z.unknown());
const message = z.object({ method: z.string().min(1), params: members.optional() });
const question = message.extend({ id: z.string().min(1) });
const failed = z.object({ error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }) });
const outcome = z.union([z.object({ result: members }), failed]);

/** Request.message: with the server's own names, and `params._meta` in the form of 2026-07-28 whatever the client speaks. */
export type McpRequest = z.infer<typeof message> & { params: Record<string, unknown> };
/** ResponseChunk.payload: a notification, or a question of the server, whose id is unique within the request. */
export type McpNotification = z.infer<typeof message>;
export type McpQuestion = z.infer<typeof question>;
export type McpChunk = McpNotification | McpQuestion;
/** ResponseCompleted.message, and InputProvided.payload. */
export type McpOutcome = z.infer<typeof outcome>;
export type McpError = z.infer<typeof failed>['error'];

const bytesOf = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

export const writeRequest = ({ method, params }: McpRequest): Buffer => bytesOf({ method, params });

/** @throws SyntaxError, ZodError where it is none */
export const readRequest = (bytes: Uint8Array): McpRequest => {
  const { method, params = {} } = message.parse(jsonOf(bytes));
  return { method, params };
};

export const writeChunk = (chunk: McpChunk): Buffer => bytesOf(chunk);

/** @throws SyntaxError, ZodError where it is none */
export const readChunk = (bytes: Uint8Array): McpChunk => z.union([question, message]).parse(jsonOf(bytes));

export const isQuestion = (chunk: McpChunk): chunk is McpQuestion => 'id' in chunk;

const WITHDRAWN = 'notifications/cancelled';

/** That a server waits for the answer to its question no more. */
export const withdrawal = (inputId: string, reason: unknown): McpNotification => ({
  method: WITHDRAWN,
  params: { requestId: inputId, ...(typeof reason === 'string' ? { reason } : {}) },
});

/** The question that is withdrawn; undefined where the part is something else. */
export const withdrawnBy = ({ method, params }: McpChunk): string | undefined =>
  method === WITHDRAWN ? String(params?.requestId) : undefined;

export const writeOutcome = (said: McpOutcome): Buffer => bytesOf(said);

/** @throws SyntaxError, ZodError where it is none */
export const readOutcome = (bytes: Uint8Array): McpOutcome => outcome.parse(jsonOf(bytes));

const meta = z.object({
  [META.protocolVersion]: z.string().default(''),
  [META.clientInfo]: members.default({}),
  [META.clientCapabilities]: members.default({}),
  [META.logLevel]: z.string().optional(),
  progressToken: z.union([z.string(), z.number()]).optional(),
});

/** What a request says of its client. */
export interface McpClient {
  /** The revision that it speaks. */
  protocolVersion: string;
  /** MCP Implementation. */
  info: Record<string, unknown>;
  /** MCP ClientCapabilities. */
  capabilities: Record<string, unknown>;
  /** The least severe log messages that it wants; undefined: none. */
  logLevel: string | undefined;
  /** Whether it wants to be told of progress. */
  wantsProgress: boolean;
}

/** @throws ZodError where `params._meta` is not what the mesh writes */
export const clientOf = ({ params }: McpRequest): McpClient => {
  const said = meta.parse(params._meta ?? {});
  return {
    protocolVersion: said[META.protocolVersion],
    info: said[META.clientInfo],
    capabilities: said[META.clientCapabilities],
    logLevel: said[META.logLevel],
    wantsProgress: said.progressToken !== undefined,
  };
};
