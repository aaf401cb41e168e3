/** Clients of MCP, of both revisions. */
import type { Told } from '../http.ts';
import type { MeshProcess } from '../process.ts';
import type { World } from '../world.ts';
import type { ToolAsk } from './asks.ts';
import { TaskClients } from './task-clients.ts';
import { clientInfo, envelopeOf, LEGACY, type Message, messagesIn, modernHeaders, Wire } from './wire.ts';

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

/** Whether it is what the tool answered, and not a task that the answer comes by. */
export const isAnswer = ({ result }: Pick<ToolTold, 'result'>): boolean =>
  result !== undefined && (result.resultType ?? 'complete') === 'complete';

export class ToolClients {
  readonly told: ToolTold[] = [];
  readonly tasks: TaskClients;
  readonly #wire: Wire;
  /** Ids by their names. */
  readonly #sessions = new Map<string, string>();

  /** @param logged how many records the log holds. */
  constructor(world: World, processes: readonly MeshProcess[], logged: () => number) {
    this.#wire = new Wire(world, processes, logged);
    this.tasks = new TaskClients(this.#wire);
  }

  ask(asked: ToolAsk) {
    if (asked.session === '') return this.#call(asked, '');
    const known = this.#sessions.get(asked.session);
    if (known !== undefined) return this.#call(asked, known);
    const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo };
    const message = { id: this.#wire.id(), method: 'initialize', params };
    this.#wire.post({ ...asked, message, headers: {} }, ({ headers, text }) => {
      const session = headers['mcp-session-id'];
      if (typeof session !== 'string' || !messagesIn(text).some(({ result }) => result)) return;
      // Of two that were opened at once the first stays.
      const own = this.#sessions.get(asked.session) ?? session;
      this.#sessions.set(asked.session, own);
      this.#call(asked, own);
    });
  }

  #call(asked: ToolAsk, session: string) {
    const { tool, call, conversation, key, takesMs, task, wantsProgress, withinMs, cancelAfterMs } = asked;
    const method = tool === '' ? 'tools/list' : 'tools/call';
    const id = this.#wire.id();
    const _meta = {
      ...(session === '' && envelopeOf(task !== undefined)),
      ...(wantsProgress && { progressToken: id }),
    };
    const said = { call, of: conversation, ...(takesMs > 0 && { takes: takesMs }) };
    const params = { ...(tool !== '' && { name: tool, arguments: said }), _meta };
    const modern = { ...modernHeaders(method, tool), 'x-conversation-id': conversation };
    const inSession = { 'mcp-session-id': session, 'mcp-protocol-version': LEGACY };
    const headers: Record<string, string> = session === '' ? modern : inSession;
    if (key !== '' && tool !== '') headers['idempotency-key'] = key;
    if (withinMs > 0) headers['x-request-timeout-ms'] = String(withinMs);
    this.#wire.post({ ...asked, message: { id, method, params }, headers }, (said) => this.#hear(asked, id, said));
    if (cancelAfterMs > 0 && session !== '')
      this.#wire.world.after(cancelAfterMs, 'a client of MCP cancels', () => {
        const message = { method: 'notifications/cancelled', params: { requestId: id } };
        this.#wire.post({ ...asked, patienceMs: 0, message, headers: inSession }, () => {});
      });
  }

  #hear(ask: ToolAsk, id: number, said: Told): void {
    const messages = messagesIn(said.text);
    const { result, error } = messages.find((one) => one.id === id && !one.method) ?? {};
    const steps = messages.flatMap(({ method, params }) =>
      method === 'notifications/progress' ? [params?.progress ?? Number.NaN] : [],
    );
    const requestId = String(said.headers['x-request-id'] ?? '');
    const heard = { requestId, at: this.#wire.world.time.now(), logged: this.#wire.logged() };
    this.told.push({ ...said, ask, result, error, steps, ...heard });
    if (result?.resultType === 'task') this.tasks.give({ ask, requestId, taskId: result.taskId ?? '' });
  }
}
