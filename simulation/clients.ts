/** Clients: what they ask, whom, and when they lose patience. */
import type { ClientAnswer } from '../invariants/index.ts';
import { KEY, OTHER_KEY } from './configuration.ts';
import { Exchange, type Told } from './http.ts';
import type { MeshProcess } from './process.ts';
import type { World } from './world.ts';

export interface Ask {
  /** Milliseconds after the beginning. */
  at: number;
  conversation: string;
  headers: Record<string, string>;
  body: object;
  /** After how long the client hangs up; 0: never. */
  patienceMs: number;
}

const PATH = '/v1/chat/completions';
const SERVER_TOOL = [{ type: 'mcp', server_label: 'mail', server_url: 'http://mail.example' }];

const keyOf = (chance: number) => (chance < 0.85 ? KEY : chance < 0.95 ? OTHER_KEY : 'sk-nobody');
const question = (i: number) => ({
  role: 'user',
  content: `Question ${i}: ${'why and how, and for whom? '.repeat(12)}`,
});

/** 2 to 6 calls in 1 to 3 conversations, each with all that was said before it, as a chat has it. */
export const drawAsks = ({ random }: World): Ask[] => {
  const conversations = 1 + random.below(3);
  const asked = new Map<string, object[]>();
  let at = 0;
  const asks = Array.from({ length: 2 + random.below(5) }, (_, i): Ask => {
    const conversation = `c${random.below(conversations)}`;
    const messages = [...(asked.get(conversation) ?? []), question(i)];
    asked.set(conversation, messages);
    at += random.chance(0.85) ? random.between(0, 400) : random.between(400, 90_000);
    const model = random.chance(0.8) ? 'small' : random.pick(['large', 'nowhere', 'unknown']);
    const once = random.chance(0.4);
    const body = {
      model,
      messages,
      ...(random.chance(0.4) ? { stream: true } : {}),
      ...(once ? { tools: SERVER_TOOL } : {}),
    };
    const headers: Record<string, string> = {
      authorization: `Bearer ${keyOf(random.next())}`,
      'x-conversation-id': conversation,
    };
    if (random.chance(0.3)) headers['idempotency-key'] = `key-${i}`;
    if (random.chance(0.1)) headers['x-request-timeout-ms'] = String(500 + random.below(5_000));
    const patienceMs = random.chance(0.15) ? random.between(1, 3_000) : 0;
    return { at, conversation, headers, body, patienceMs };
  });
  const again = asks.filter(({ headers }) => headers['idempotency-key'] !== undefined && random.chance(0.5));
  return [...asks, ...again.map((ask) => ({ ...ask, at: ask.at + random.between(0, 8_000) }))];
};

/** A stream that ends with an error came to its end all the same, yet it is no answer. */
const answerOf = ({ status, headers, text, whole }: Told): ClientAnswer => ({
  requestId: String(headers['x-request-id'] ?? ''),
  status,
  whole: whole && (!text.startsWith('data:') || text.trimEnd().endsWith('[DONE]')),
});

/** Asks any process that is up; where none is, nobody hears it. */
export const ask = (
  world: World,
  processes: readonly MeshProcess[],
  asked: Ask,
  told: (answer: ClientAnswer) => void,
) => {
  const up = processes.filter((process) => process.up);
  if (up.length === 0) return;
  const process = world.random.pick(up);
  const exchange = new Exchange(asked.headers, Buffer.from(JSON.stringify(asked.body)), (said) => told(answerOf(said)));
  process.call(PATH, exchange);
  if (asked.patienceMs > 0)
    world.after(asked.patienceMs, 'a client hangs up', () => exchange.response.destroy(), process.life);
};
