/** How clients of MCP reach the mesh: each request goes to any process that is up; where none is, nobody hears it. */
import { Exchange, type Told } from '../http.ts';
import type { MeshProcess } from '../process.ts';
import type { World } from '../world.ts';

export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';
export const clientInfo = { name: 'simulated', version: '1' };
const TASKS = 'io.modelcontextprotocol/tasks';

/** As a request says it since 2026-07-28. */
export const envelopeOf = (takesTasks: boolean, answers: boolean) => ({
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {
    ...(takesTasks && { extensions: { [TASKS]: {} } }),
    ...(answers && { elicitation: {} }),
  },
});

/** The headers of such a request. @param name of what it is about; empty: of nothing. */
export const modernHeaders = (method: string, name: string): Record<string, string> => ({
  'mcp-protocol-version': MODERN,
  'mcp-method': method,
  ...(name !== '' && { 'mcp-name': name }),
});

/** MCP's elicitation/create, of which the message says what is asked by whom. */
export interface Question {
  method: string;
  params: { message: string };
}

/** What a tool answered, or what is said of a task. */
export interface Result {
  inputRequests?: Record<string, Question>;
  requestState?: string;
  resultType?: string;
  content?: { text: string }[];
  tools?: { name: string; description: string }[];
  isError?: boolean;
  taskId?: string;
  status?: string;
  result?: Result;
  error?: { code: number; message: string };
}

export interface Message {
  id?: unknown;
  method?: string;
  params?: { progress?: number; message?: string };
  result?: Result;
  error?: { code: number; message: string };
}

/** @param text of a body: a message, or a stream of them, the last of which may be cut. */
export const messagesIn = (text: string): Message[] => {
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

export interface Post {
  server: string;
  credential: string;
  /** JSON-RPC without its version. */
  message: object;
  headers: Record<string, string>;
  /** After how long its client hangs up, milliseconds; 0: never. */
  patienceMs?: number;
  /** Default: any that is up. */
  to?: MeshProcess | undefined;
  /** Told of what comes before the connection ends. */
  heard?(messages: Message[]): void;
}

export class Wire {
  readonly world: World;
  readonly processes: readonly MeshProcess[];
  /** How many records the log holds. */
  readonly logged: () => number;
  #ids = 0;

  constructor(world: World, processes: readonly MeshProcess[], logged: () => number) {
    this.world = world;
    this.processes = processes;
    this.logged = logged;
  }

  id(): number {
    return ++this.#ids;
  }

  /** @param told once, when the connection has ended. @returns who is asked; undefined: there is nobody. */
  post(
    { server, credential, message, headers, patienceMs = 0, to, heard }: Post,
    told: (said: Told) => void,
  ): MeshProcess | undefined {
    const { random } = this.world;
    const up = this.processes.filter((process) => process.up);
    if (up.length === 0 || to?.up === false) return undefined;
    const process = to ?? random.pick(up);
    const accept = 'application/json, text/event-stream';
    const all = { authorization: `Bearer ${credential}`, accept, ...headers };
    const exchange = new Exchange(all, Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })), told);
    if (heard) exchange.response.heard = (text) => heard(messagesIn(text));
    process.call(`/mcp/${server}`, exchange);
    if (patienceMs > 0) {
      const leave = () => exchange.response.destroy();
      this.world.after(patienceMs, 'a client of MCP hangs up', leave, process.life);
    }
    return process;
  }
}
