/** An MCP server, which knows nothing of the mesh: it writes down each call that reaches it before it does anything else. */
import type { Cluster } from '../cluster.ts';
import type { AccessLog } from '../upstream.ts';
import { definitionOf, isRepeatable, type ServerOffer, type ToolOffer } from './offers.ts';
import { Questions } from './questions.ts';
import type { ToolCall } from './tool-call.ts';

/** A call of a tool that came. */
export interface Performed {
  server: string;
  tool: string;
  /** The argument that tells what is asked for from all else that is. */
  call: string;
  /** What it was told beside that. */
  said: unknown;
  /** Whether it was turned away, or asked something, before anything was done. */
  refused: boolean;
  /** What was answered, where something was. */
  text: string;
  /** By the clock that is right, milliseconds since the epoch. */
  at: number;
  /** How many records the log held. */
  logged: number;
}

type Fate = 'answered' | 'refused' | 'failed' | 'lost' | 'silent' | 'breaks' | 'garbage' | 'error';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
/** Said before anything is done: too many calls, and a key that is not accepted. */
const refusals = [429, 401];
const failures = [500, 503];
const INVALID = -32_602;
const NO_METHOD = -32_601;

/** How long it is to take, by its client's word, milliseconds; 0: by nobody's. */
const takesOf = ({ params }: ToolCall): number => Number(params.arguments?.takes ?? 0);

/** How much it is to ask. */
const asksOf = ({ params }: ToolCall): number => Number(params.arguments?.asks ?? 0);

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

export class ToolServer {
  readonly name: string;
  readonly performed: Performed[] = [];
  readonly questions: Questions;
  readonly #offer: ServerOffer;
  readonly #cluster: Cluster;
  readonly #access: AccessLog;
  /** Whether its tools are others than were approved. */
  #isPoisoned = false;
  #isDown = false;
  /** Of each whether its client can be asked. */
  #sessions = new Map<string, boolean>();
  #opened = 0;
  #listening = new Set<ToolCall>();
  /** Calls that are not over. */
  #open = new Set<ToolCall>();

  constructor(offer: ServerOffer, cluster: Cluster, access: AccessLog) {
    this.name = offer.name;
    this.questions = new Questions(offer.name, cluster.world);
    this.#offer = offer;
    this.#cluster = cluster;
    this.#access = access;
  }

  get origin(): string {
    return `http://${this.name}.example`;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  get #random() {
    return this.#cluster.world.random;
  }

  /** @param ms after how long; 0: as chance has it. */
  #after(what: string, happen: () => void, ms = 0): void {
    const random = this.#random;
    const chance = random.next();
    const slow = chance < 0.95 ? random.between(50, 3_000) : random.between(3_000, 6_000);
    const drawn = chance < 0.8 ? random.between(0.5, 50) : slow;
    this.#cluster.world.after(ms > 0 ? ms : drawn, `${this.name} ${what}`, happen);
  }

  /** @param share of what goes wrong with calls of tools. */
  #fate(share = 1): Fate {
    const { well, sick } = this.#access;
    const chance = well ? 1 : this.#random.next() / share;
    if (sick.length > 0 && chance < 0.9) return 'failed';
    if (chance < 0.06) return 'refused';
    if (chance < 0.1) return 'failed';
    if (chance < 0.14) return 'lost';
    if (chance < 0.17) return 'silent';
    if (chance < 0.2) return 'garbage';
    if (chance < 0.24) return 'breaks';
    return chance < 0.28 ? 'error' : 'answered';
  }

  /** It is gone for a while, and its sessions for good. */
  die(): void {
    this.#isDown = true;
    for (const call of [...this.#open, ...this.#listening]) call.lose();
    this.#open.clear();
    this.#listening.clear();
    this.#sessions = new Map();
    this.#cluster.world.after(this.#random.between(100, 8_000), `${this.name} is there again`, () => {
      this.#isDown = false;
    });
  }

  /** Its tools are others than they were. */
  change(): void {
    this.#isPoisoned = !this.#isPoisoned;
    for (const call of this.#listening)
      call.notify('notifications/tools/list_changed', { _meta: { [SUBSCRIPTION]: call.id } });
  }

  /** Told of a call that has come. */
  take(call: ToolCall) {
    if (this.#isDown) return call.lose();
    if (call.verb === 'GET') return call.refuse(405);
    if (!this.#offer.isModern && call.method !== 'initialize' && !this.#sessions.has(call.session))
      return call.session === '' ? call.refuse(400) : this.#expired(call);
    if (call.verb === 'DELETE') {
      this.#sessions.delete(call.session);
      return call.text(200, '', 'text/plain');
    }
    if (call.id !== undefined && call.method === '') this.questions.take(call);
    if (call.id === undefined || call.method === '') return call.text(202, '', 'text/plain');
    this.#open.add(call);
    if (call.method === 'tools/call') return this.#perform(call);
    const fate = this.#fate(0.2);
    this.#after('answers', () => this.#tell(call, fate));
  }

  #expired(call: ToolCall) {
    if (call.method === 'tools/call') this.#note(call, true);
    call.refuse(404);
  }

  #tell(call: ToolCall, fate: Fate) {
    if (!this.#open.delete(call)) return;
    if (fate === 'refused' || fate === 'failed') return call.refuse(this.#random.pick(failures));
    if (fate === 'lost' || fate === 'breaks') return call.lose();
    if (fate === 'silent') return;
    if (fate === 'garbage') return call.text(200, 'rubbish', 'application/json');
    const { isModern, tools } = this.#offer;
    const capabilities = { tools: { listChanged: true } };
    const info = { name: this.name, version: '1' };
    const { method, params } = call;
    if (method === 'tools/list') {
      const listed = tools.map((tool) => definitionOf(tool, this.#isPoisoned && tool.kind === 'sends'));
      const kept = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
      return call.answer({ tools: listed, ...(isModern && kept) });
    }
    if (isModern && method === 'server/discover') {
      const meta = { 'io.modelcontextprotocol/serverInfo': info };
      const kept = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
      return call.answer({ ...kept, supportedVersions: ['2026-07-28'], capabilities, _meta: meta });
    }
    if (isModern && method === 'subscriptions/listen') {
      const _meta = { [SUBSCRIPTION]: call.id };
      call.notify('notifications/subscriptions/acknowledged', { _meta, notifications: params.notifications });
      this.#listening.add(call);
      return;
    }
    if (!isModern && method === 'initialize') {
      const session = `${this.name}-${++this.#opened}`;
      this.#sessions.set(session, 'elicitation' in (params.capabilities as object));
      const result = { protocolVersion: '2025-11-25', capabilities, serverInfo: info };
      return call.answer(result, { 'mcp-session-id': session });
    }
    call.fail(NO_METHOD, 'Method not found');
  }

  #note({ params }: ToolCall, refused: boolean): Performed {
    const { time } = this.#cluster.world;
    const { call, ...said } = params.arguments ?? {};
    const performed: Performed = {
      server: this.name,
      tool: params.name ?? '',
      call: String(call),
      said,
      refused,
      text: '',
      at: time.now(),
      logged: this.#cluster.length,
    };
    this.performed.push(performed);
    return performed;
  }

  #perform(call: ToolCall) {
    const fate = this.#fate();
    const performed = this.#note(call, fate === 'refused');
    const tool = this.#offer.tools.find(({ name }) => name === call.params.name);
    if (fate === 'refused') {
      this.#open.delete(call);
      return call.refuse(this.#random.pick(refusals));
    }
    const asks = tool && this.#canAsk(call) ? asksOf(call) : 0;
    if (tool && asks > 0) return this.#ask(call, tool, fate, performed, asks);
    const isStream = call.params._meta?.progressToken !== undefined && this.#random.chance(0.6);
    if (isStream && tool) return this.#work(call, fate, performed, 1 + this.#random.below(3), 0);
    this.#after('answers', () => this.#end(call, tool ? fate : 'error', () => this.#result(performed)), takesOf(call));
  }

  #canAsk({ session, params }: ToolCall): boolean {
    if (!this.#offer.isModern) return this.#sessions.get(session) === true;
    return 'elicitation' in ((params._meta?.[CAPABILITIES] as object | undefined) ?? {});
  }

  /** On its stream where there is a session; else it is answered with questions, until it is made with their answers. */
  #ask(call: ToolCall, tool: ToolOffer, fate: Fate, performed: Performed, asks: number) {
    if (!this.#offer.isModern) {
      const then = () => this.#after('answers', () => this.#last(call, fate, performed), takesOf(call));
      return this.questions.ask(call, performed.call, asks, () => this.#open.has(call), then);
    }
    const required = this.questions.required(call, performed.call, asks, isRepeatable(tool.kind));
    performed.refused = required !== undefined;
    this.#after('answers', () => this.#end(call, fate, () => required ?? this.#result(performed)), takesOf(call));
  }

  #result(performed: Performed): object {
    performed.text = `${performed.tool} did ${this.performed.length} for ${performed.call}`;
    const complete = this.#offer.isModern ? { resultType: 'complete' } : {};
    return { ...complete, content: [{ type: 'text', text: performed.text }] };
  }

  #end(call: ToolCall, fate: Fate, result: () => object) {
    if (!this.#open.delete(call)) return;
    if (fate === 'silent') return;
    if (fate === 'failed') return call.refuse(this.#random.pick(failures));
    if (fate === 'lost' || fate === 'breaks') return call.lose();
    if (fate === 'garbage') return call.text(200, 'rubbish', 'application/json');
    if (fate === 'error') return call.fail(INVALID, 'It will not.');
    call.answer(result());
  }

  /** Tells of its progress on the way. */
  #work(call: ToolCall, fate: Fate, performed: Performed, steps: number, step: number) {
    const work = () => {
      if (!this.#open.has(call)) return;
      if (step < steps) {
        const { progressToken } = call.params._meta!;
        call.notify('notifications/progress', { progressToken, progress: step + 1, message: `step ${step + 1}` });
        return this.#work(call, fate, performed, steps, step + 1);
      }
      this.#last(call, fate, performed);
    };
    this.#after('works', work, takesOf(call) / steps);
  }

  /** The end of a stream. */
  #last(call: ToolCall, fate: Fate, performed: Performed) {
    if (!this.#open.delete(call)) return;
    if (fate === 'silent') return;
    if (fate !== 'answered') return call.lose();
    call.last(this.#result(performed));
  }
}
