/** Model servers at undici's boundary: they answer, are slow, refuse, break off or say nothing, and log each call that comes. */
import { Dispatcher } from 'undici';
import type { UpstreamCall } from '../invariants/index.ts';
import type { Cluster } from './cluster.ts';
import { Exchange } from './exchange.ts';
import { currentLife } from './time.ts';

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

/** What the upstream does with a call. */
const answer = (exchange: Exchange, behaviour: Behaviour): void => {
  if (behaviour.kind === 'whole')
    exchange.after(3 + behaviour.ms, `answers ${behaviour.status}`, () => {
      exchange.head(behaviour.status, { 'content-type': 'application/json', ...behaviour.headers });
      exchange.data(behaviour.body);
      exchange.end();
    });
  if (behaviour.kind === 'breaks') exchange.after(3 + behaviour.ms, 'breaks', () => exchange.lose());
  if (behaviour.kind === 'stream')
    exchange.after(3 + behaviour.ms, 'streams', () => {
      exchange.head(200, { 'content-type': 'text/event-stream' });
      stream(exchange, behaviour.parts, behaviour);
    });
};

const stream = (
  exchange: Exchange,
  [next, ...rest]: readonly string[],
  behaviour: { every: number; breaks: boolean },
): void => {
  if (next === undefined) {
    if (behaviour.breaks) exchange.lose();
    else exchange.end();
    return;
  }
  exchange.data(next);
  exchange.after(behaviour.every, 'goes on', () => stream(exchange, rest, behaviour));
};

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
    const exchange = new Exchange(world, handler, currentLife());
    const { well, sick } = this.#log;
    const isSick = sick.some((connection) => String(options.origin).includes(connection));
    const behaviour = behaviourOf(this.#cluster, well, isSick, streaming);
    if (behaviour.kind === 'unreachable') exchange.refuse(behaviour.ms);
    else
      exchange.connect(() => {
        // Bytes under way arrive whatever becomes of their sender.
        world.after(world.random.between(0.1, 3), 'upstream is called', arrive);
        answer(exchange, behaviour);
      });
    return true;
  }
}
