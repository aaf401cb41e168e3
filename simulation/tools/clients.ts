/** Clients of MCP, of both revisions. */
import { OTHER_KEY } from '../configuration.ts';
import type { Told } from '../http.ts';
import type { MeshProcess } from '../process.ts';
import type { World } from '../world.ts';
import { Answerers } from './answers.ts';
import type { ToolAsk } from './asks.ts';
import { STATE } from './offers.ts';
import { TaskClients } from './task-clients.ts';
import { clientInfo, envelopeOf, LEGACY, type Message, messagesIn, modernHeaders, type Result, Wire } from './wire.ts';

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

const sessionHeaders = (session: string) => ({ 'mcp-session-id': session, 'mcp-protocol-version': LEGACY });

export class ToolClients {
  readonly told: ToolTold[] = [];
  readonly tasks: TaskClients;
  readonly #wire: Wire;
  readonly #answerers: Answerers;
  /** Ids by their names. */
  readonly #sessions = new Map<string, string>();

  /** @param logged how many records the log holds. */
  constructor(world: World, processes: readonly MeshProcess[], logged: () => number) {
    this.#wire = new Wire(world, processes, logged);
    this.#answerers = new Answerers(this.#wire);
    this.tasks = new TaskClients(this.#wire, this.#answerers);
  }

  ask(asked: ToolAsk) {
    if (asked.session === '') return this.#call(asked, '');
    const known = this.#sessions.get(asked.session);
    if (known !== undefined) return this.#call(asked, known);
    const params = { protocolVersion: LEGACY, capabilities: { elicitation: {} }, clientInfo };
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

  /** @param more params, by which it goes on with an earlier one. */
  #call(asked: ToolAsk, session: string, more: object = {}) {
    const { tool, call, conversation, key, takesMs, task, answering, wantsProgress, withinMs, cancelAfterMs } = asked;
    const method = tool === '' ? 'tools/list' : 'tools/call';
    const id = this.#wire.id();
    const _meta = {
      ...(session === '' && envelopeOf(task !== undefined, answering !== undefined)),
      ...(wantsProgress && { progressToken: id }),
    };
    const wanted = { ...(takesMs > 0 && { takes: takesMs }), ...(answering && { asks: answering.questions }) };
    const said = { call, of: conversation, ...wanted };
    const params = { ...(tool !== '' && { name: tool, arguments: said }), ...more, _meta };
    const modern = { ...modernHeaders(method, tool), 'x-conversation-id': conversation };
    const inSession = sessionHeaders(session);
    const headers: Record<string, string> = session === '' ? modern : inSession;
    if (key !== '' && tool !== '') headers['idempotency-key'] = key;
    if (withinMs > 0) headers['x-request-timeout-ms'] = String(withinMs);
    const heard = (messages: Message[]) => this.#answer(asked, session, messages);
    const post = { ...asked, message: { id, method, params }, headers, ...(session !== '' && { heard }) };
    this.#wire.post(post, (said) => this.#hear(asked, id, said));
    if (cancelAfterMs > 0 && session !== '')
      this.#wire.world.after(cancelAfterMs, 'a client of MCP cancels', () => {
        const message = { method: 'notifications/cancelled', params: { requestId: id } };
        this.#wire.post({ ...asked, patienceMs: 0, message, headers: inSession }, () => {});
      });
  }

  /** In a session an answer is a message of its own. A stranger has another session, or none. */
  #answer(asked: ToolAsk, session: string, messages: readonly Message[]): void {
    for (const { id, method, params } of messages) {
      if (method !== 'elicitation/create') continue;
      const question = { method, params: { message: params?.message ?? '' } };
      this.#answerers.answer(asked, { own: question }, ({ own }, isStranger) => {
        const other = [...this.#sessions.values()].find((one) => one !== session) ?? '';
        const headers = sessionHeaders(isStranger ? other : session);
        this.#wire.post({ ...asked, patienceMs: 0, message: { id, result: own }, headers }, () => {});
      });
    }
  }

  /** Without one, the call is made again with the answers: the same call where the mesh asks, another where the server does. */
  #goOn(asked: ToolAsk, { inputRequests = {}, requestState = '' }: Result): void {
    const isOfServer = requestState.startsWith(STATE);
    this.#answerers.answer(asked, inputRequests, (inputResponses, isStranger) => {
      // Whose its states are is for the server to see.
      if (isStranger && isOfServer) return;
      const [{ content } = { content: { answer: 0 } }] = Object.values(inputResponses);
      const call = isOfServer ? `${asked.call} again ${content.answer}.` : asked.call;
      const by = isStranger ? { credential: OTHER_KEY, task: undefined } : { task: undefined };
      this.#call({ ...asked, ...by, call }, '', { inputResponses, requestState });
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
    if (result?.resultType === 'input_required') this.#goOn(ask, result);
    if (result?.resultType === 'task') this.tasks.give({ ask, requestId, taskId: result.taskId ?? '' });
  }
}
