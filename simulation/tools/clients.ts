/** Clients of MCP, of both revisions: each request goes to any process that is up; where none is, nobody hears it. */
import { Exchange, type Told } from '../http.ts';
import type { MeshProcess } from '../process.ts';
import type { World } from '../world.ts';
import type { ToolAsk } from './asks.ts';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const clientInfo = { name: 'simulated', version: '1' };
/** As a request says it since 2026-07-28. */
const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Message {
  id?: unknown;
  method?: string;
  params?: { progress?: number };
  result?: { content?: { text: string }[]; tools?: { name: string; description: string }[]; isError?: boolean };
  error?: { code: number; message: string };
}

/** What a client was told of what it asked. */
export interface ToolTold extends Told {
  ask: ToolAsk;
  requestId: string;
  /** Undefined: no answer came to its end. */
  result: Message['result'];
  error: Message['error'];
  /** What it was told of its progress. */
  steps: number[];
  /** By the clock that is right, milliseconds since the epoch. */
  at: number;
  /** How many records the log held. */
  logged: number;
}

/** @param text of a body: a message, or a stream of them, the last of which may be cut. */
const messagesIn = (text: string): Message[] => {
  const isStream = !text.startsWith('{');
  const bodies = isStream ? text.split('\n').flatMap((line) => /^data: (\{.*)$/.exec(line)?.[1] ?? []) : [text];
  return bodies.flatMap((body): Message[] => {
    try {
      return [JSON.parse(body)];
    } catch {
      return [];
    }
  });
};

export class ToolClients {
  readonly told: ToolTold[] = [];
  readonly #world: World;
  readonly #processes: readonly MeshProcess[];
  readonly #logged: () => number;
  /** Ids by their names. */
  readonly #sessions = new Map<string, string>();
  #ids = 0;

  /** @param logged how many records the log holds. */
  constructor(world: World, processes: readonly MeshProcess[], logged: () => number) {
    this.#world = world;
    this.#processes = processes;
    this.#logged = logged;
  }

  ask(asked: ToolAsk) {
    if (asked.session === '') return this.#call(asked, '');
    const known = this.#sessions.get(asked.session);
    if (known !== undefined) return this.#call(asked, known);
    const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo };
    const message = { id: ++this.#ids, method: 'initialize', params };
    this.#post(asked, message, {}, ({ headers, text }) => {
      const session = headers['mcp-session-id'];
      if (typeof session !== 'string' || !messagesIn(text).some(({ result }) => result)) return;
      // Of two that were opened at once the first stays.
      const own = this.#sessions.get(asked.session) ?? session;
      this.#sessions.set(asked.session, own);
      this.#call(asked, own);
    });
  }

  #call(asked: ToolAsk, session: string) {
    const { tool, call, conversation, key, wantsProgress, withinMs, cancelAfterMs } = asked;
    const method = tool === '' ? 'tools/list' : 'tools/call';
    const id = ++this.#ids;
    const _meta = { ...(session === '' && envelope), ...(wantsProgress && { progressToken: id }) };
    const params = { ...(tool !== '' && { name: tool, arguments: { call, of: conversation } }), _meta };
    const modern = {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(tool !== '' && { 'mcp-name': tool }),
      'x-conversation-id': conversation,
    };
    const inSession = { 'mcp-session-id': session, 'mcp-protocol-version': LEGACY };
    const headers: Record<string, string> = session === '' ? modern : inSession;
    if (key !== '' && tool !== '') headers['idempotency-key'] = key;
    if (withinMs > 0) headers['x-request-timeout-ms'] = String(withinMs);
    this.#post(asked, { id, method, params }, headers, (said) => this.#hear(asked, id, said));
    if (cancelAfterMs > 0 && session !== '')
      this.#world.after(cancelAfterMs, 'a client of MCP cancels', () => {
        const message = { method: 'notifications/cancelled', params: { requestId: id } };
        this.#post({ ...asked, patienceMs: 0 }, message, inSession, () => {});
      });
  }

  #hear(ask: ToolAsk, id: number, said: Told): void {
    const messages = messagesIn(said.text);
    const { result, error } = messages.find((one) => one.id === id && !one.method) ?? {};
    const steps = messages.flatMap(({ method, params }) =>
      method === 'notifications/progress' ? [params?.progress ?? Number.NaN] : [],
    );
    const requestId = String(said.headers['x-request-id'] ?? '');
    const heard = { requestId, at: this.#world.time.now(), logged: this.#logged() };
    this.told.push({ ...said, ask, result, error, steps, ...heard });
  }

  #post(asked: ToolAsk, message: object, headers: Record<string, string>, told: (said: Told) => void): void {
    const { random } = this.#world;
    const up = this.#processes.filter((process) => process.up);
    if (up.length === 0) return;
    const process = random.pick(up);
    const accept = 'application/json, text/event-stream';
    const all = { authorization: `Bearer ${asked.credential}`, accept, ...headers };
    const exchange = new Exchange(all, Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })), told);
    process.call(`/mcp/${asked.server}`, exchange);
    if (asked.patienceMs > 0) {
      const leave = () => exchange.response.destroy();
      this.#world.after(asked.patienceMs, 'a client of MCP hangs up', leave, process.life);
    }
  }
}
