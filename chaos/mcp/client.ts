/** One call of a tool over HTTP, as a client of either era makes it. */
import { type Dispatcher, request } from 'undici';
import { DEADLINE_MS, KEY, PATIENCE_MS, type Try } from '../load.ts';
import type { ToolName } from './access-log.ts';

/** The server's name in mesh.yaml. */
export const SERVER = 'chaos';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const clientInfo = { name: 'chaos', version: '1.0.0' };

export interface ToolTry extends Try {
  /** Told to the tool, and no other try's. */
  id: string;
  /** What the tool told of its progress, in the order in which it came. */
  steps: number[];
}

interface Message {
  id?: unknown;
  method?: string;
  params?: { message?: string; progress?: number };
  result?: { content?: { text?: string }[]; isError?: boolean };
  error?: { code: number; message: string };
}

const messagesOf = (body: string, streamed: boolean): Message[] =>
  (streamed ? body.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : [])) : [body]).map(
    (one): Message => JSON.parse(one),
  );

type Read = Pick<ToolTry, 'status' | 'whole' | 'text' | 'steps'>;

/** What came of a call. An error of the mesh has the code of HTTP that says the same; another one is the caller's fault. */
export const readToolAnswer = (status: number, body: string, streamed: boolean): Read => {
  try {
    const messages = messagesOf(body, streamed);
    const steps = messages.flatMap(({ method, params }) =>
      method === 'notifications/progress' && params?.message?.startsWith('step ') ? [params.progress ?? 0] : [],
    );
    const { result, error } = messages.findLast(({ id }) => id !== undefined) ?? {};
    if (error) {
      const isOfHttp = error.code >= 400 && error.code <= 599;
      const told = isOfHttp ? error.code : 400;
      return { status: status >= 400 ? status : told, whole: true, text: error.message, steps };
    }
    if (!result) return { status, whole: false, text: 'no answer in it', steps };
    const text = result.content?.[0]?.text ?? '';
    return { status: result.isError ? 400 : status, whole: true, text, steps };
  } catch {
    return { status, whole: false, text: 'not readable', steps: [] };
  }
};

interface Posted {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  streamed: boolean;
}

/** @throws where nothing came, or it was cut */
export const post = async (
  dispatcher: Dispatcher,
  url: string,
  message: object,
  headers: Record<string, string>,
  began: (status: number, headers: Posted['headers']) => void = () => {},
): Promise<Posted> => {
  const answer = await request(`${url}/mcp/${SERVER}`, {
    method: 'POST',
    dispatcher,
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-request-timeout-ms': String(DEADLINE_MS),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  began(answer.statusCode, answer.headers);
  const streamed = String(answer.headers['content-type']).startsWith('text/event-stream');
  return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text(), streamed };
};

/** As a request says it since 2026-07-28. */
const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
};

const modern = (method: string, name?: string) => ({
  'mcp-protocol-version': MODERN,
  'mcp-method': method,
  ...(name === undefined ? {} : { 'mcp-name': name }),
});

const inSession = (session: string) => ({ 'mcp-session-id': session, 'mcp-protocol-version': LEGACY });

/** How a client is known to the mesh: by a session, or by the conversation that it names. */
export type Whose = { session: string } | { conversation: string };

/** One POST of a call, and what came of it. */
export const tryTool = async (
  dispatcher: Dispatcher,
  url: string,
  whose: Whose,
  { tool, id }: { tool: ToolName; id: string },
): Promise<ToolTry> => {
  const tried: ToolTry = {
    id,
    at: Date.now(),
    endedAt: 0,
    status: 0,
    requestId: '',
    whole: false,
    text: '',
    steps: [],
  };
  const isModern = 'conversation' in whose;
  const _meta = { progressToken: id, ...(isModern ? envelope : {}) };
  const message = { id: 1, method: 'tools/call', params: { name: tool, arguments: { call: id }, _meta } };
  const headers = isModern
    ? { ...modern('tools/call', tool), 'x-conversation-id': whose.conversation }
    : inSession(whose.session);
  try {
    const { status, body, streamed } = await post(dispatcher, url, message, headers, (began, told) => {
      tried.status = began;
      tried.requestId = String(told['x-request-id'] ?? '');
    });
    Object.assign(tried, readToolAnswer(status, body, streamed));
  } catch (error) {
    const { code, message: why } = error as { code?: string; message: string };
    tried.text = code ?? why;
  }
  return { ...tried, endedAt: Date.now() };
};

/** The tools that are offered. @throws where there is no answer */
export const listTools = async (dispatcher: Dispatcher, url: string): Promise<string[]> => {
  const message = { id: 1, method: 'tools/list', params: { _meta: envelope } };
  const { body, streamed } = await post(dispatcher, url, message, modern('tools/list'));
  const { result } = (messagesOf(body, streamed).at(-1) ?? {}) as { result?: { tools?: { name: string }[] } };
  return (result?.tools ?? []).map(({ name }) => name);
};

/** Opens a session. @returns its id; undefined where that was refused. @throws where there is no answer */
export const openSession = async (dispatcher: Dispatcher, url: string): Promise<string | undefined> => {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo };
  const { status, headers, body, streamed } = await post(dispatcher, url, { id: 1, method: 'initialize', params }, {});
  const session = headers['mcp-session-id'];
  return status === 200 && typeof session === 'string' && messagesOf(body, streamed).at(-1)?.result
    ? session
    : undefined;
};

/** @returns the status with which a session answers. @throws where there is no answer */
export const pingSession = async (dispatcher: Dispatcher, url: string, session: string): Promise<number> =>
  (await post(dispatcher, url, { id: 1, method: 'ping' }, inSession(session))).status;
