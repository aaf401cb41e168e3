/** Model servers at undici's boundary: they answer, are slow, refuse, break off or say nothing, and log each call that comes. */
import { Dispatcher } from 'undici';
import type { UpstreamCall } from '../invariants/index.ts';
import type { Cluster } from './cluster.ts';
import { currentLife, type Life } from './time.ts';

export interface AccessLog {
  readonly calls: UpstreamCall[];
  /** What was asked, in the order of the calls. */
  readonly bodies: string[];
  /** Whether every call is answered from now on. */
  well: boolean;
  /** Connections that fail nearly always, as long as others are not well. */
  sick: readonly string[];
}

type Behaviour =
  | { kind: 'whole'; status: number; headers?: Record<string, string>; body: string; ms: number }
  | { kind: 'stream'; parts: string[]; ms: number; every: number; breaks: boolean }
  | { kind: 'breaks'; ms: number }
  | { kind: 'silent' }
  | { kind: 'unreachable'; ms: number };

const data = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const part = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
const completion = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage,
});
const failures = [500, 503, 429, 529, 400, 401, 409];

const behaviourOf = ({ world: { random } }: Cluster, well: boolean, sick: boolean, streaming: boolean): Behaviour => {
  const ms = random.chance(0.8) ? random.between(0.5, 50) : random.between(50, 4_000);
  const chance = well ? 0 : random.next();
  if (sick && !well && chance > 0.1) return { kind: 'whole', status: 503, body: '{}', ms };
  if (chance > 0.95) return { kind: 'silent' };
  if (chance > 0.9) return { kind: 'unreachable', ms };
  if (chance > 0.85 && !streaming) return { kind: 'breaks', ms };
  if (chance > 0.75) return { kind: 'whole', status: random.pick(failures), body: '{}', ms };
  if (!streaming) return { kind: 'whole', status: 200, body: completion, ms };
  const words = Array.from({ length: 1 + random.below(4) }, (_, i) => data(part(`word ${i}`)));
  const end = [data({ ...part(''), choices: [], usage }), data('[DONE]')];
  const breaks = chance > 0.65;
  const every = random.chance(0.8) ? random.between(0, 40) : random.between(40, 1_500);
  return { kind: 'stream', parts: breaks ? words : [...words, ...end], ms, every, breaks };
};

const lost = () => Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** One call: what the upstream does with it, as long as the caller does not hang up. */
class Exchange implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  rawHeaders = null;
  rawTrailers = null;
  readonly #cluster: Cluster;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #life: Life;

  constructor(cluster: Cluster, handler: Dispatcher.DispatchHandler, life: Life) {
    this.#cluster = cluster;
    this.#handler = handler;
    this.#life = life;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#handler.onResponseError?.(this, reason);
  }

  #after(ms: number, what: string, happen: () => void): void {
    const unless = () => {
      if (!this.aborted) happen();
    };
    this.#cluster.world.after(ms, `upstream ${what}`, unless, this.#life);
  }

  #start(): void {
    this.#handler.onRequestStart?.(this, {});
  }

  #head(status: number, headers: Record<string, string>): void {
    this.#handler.onResponseStart?.(this, status, headers, '');
  }

  #end(): void {
    this.#handler.onResponseEnd?.(this, {});
    this.aborted = true;
  }

  begin(behaviour: Behaviour, arrive: () => void): void {
    const { world } = this.#cluster;
    if (behaviour.kind === 'unreachable') {
      this.#after(behaviour.ms, 'is not reached', () => this.abort(refused()));
      return;
    }
    this.#after(world.random.between(0.1, 5), 'is connected', () => {
      this.#start();
      if (this.aborted) return;
      // Bytes under way arrive whatever becomes of their sender.
      world.after(world.random.between(0.1, 3), 'upstream is called', arrive);
      this.#answer(behaviour);
    });
  }

  #answer(behaviour: Behaviour): void {
    if (behaviour.kind === 'whole')
      this.#after(3 + behaviour.ms, `answers ${behaviour.status}`, () => {
        this.#head(behaviour.status, { 'content-type': 'application/json', ...behaviour.headers });
        this.#handler.onResponseData?.(this, Buffer.from(behaviour.body));
        this.#end();
      });
    if (behaviour.kind === 'breaks') this.#after(3 + behaviour.ms, 'breaks', () => this.abort(lost()));
    if (behaviour.kind === 'stream')
      this.#after(3 + behaviour.ms, 'streams', () => {
        this.#head(200, { 'content-type': 'text/event-stream' });
        this.#stream(behaviour.parts, behaviour);
      });
  }

  #stream([next, ...rest]: readonly string[], behaviour: { every: number; breaks: boolean }): void {
    if (next === undefined) {
      if (behaviour.breaks) this.abort(lost());
      else this.#end();
      return;
    }
    this.#handler.onResponseData?.(this, Buffer.from(next));
    this.#after(behaviour.every, 'goes on', () => this.#stream(rest, behaviour));
  }
}

/** Every connection of every process leads here. */
export class Upstream extends Dispatcher {
  readonly #cluster: Cluster;
  readonly #log: AccessLog;

  constructor(cluster: Cluster, log: AccessLog) {
    super();
    this.#cluster = cluster;
    this.#log = log;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { world } = this.#cluster;
    const body = String(options.body);
    const headers = options.headers as Record<string, string>;
    const arrive = () => {
      const dispatchId = headers['x-client-request-id'] ?? '';
      this.#log.calls.push({ dispatchId, at: world.time.now(), logged: this.#cluster.length });
      this.#log.bodies.push(body);
    };
    const streaming = JSON.parse(body).stream === true;
    const exchange = new Exchange(this.#cluster, handler, currentLife());
    const { well, sick } = this.#log;
    const isSick = sick.some((connection) => String(options.origin).includes(connection));
    exchange.begin(behaviourOf(this.#cluster, well, isSick, streaming), arrive);
    return true;
  }
}
