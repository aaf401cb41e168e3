/** Clients in a closed loop: several conversations, whole and streaming calls, retried as OpenAI's clients do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { between, type Random } from './random.ts';

export const KEY = 'sk-parley-chaos';
/** As OpenAI's clients have it. */
export const MAX_RETRIES = 2;
export const DEADLINE_MS = 20_000;
/** Longer than the mesh takes to say that it could not. */
export const PATIENCE_MS = 30_000;
const CALLS_PER_CONVERSATION = 10;

/** One HTTP request and what came of it. */
export interface Try {
  at: number;
  endedAt: number;
  /** 0: none came. */
  status: number;
  /** x-request-id; empty where the answer had none. */
  requestId: string;
  /** Whether the answer came to its end. */
  whole: boolean;
  /** What the model said, of a good answer; else why there is none. */
  text: string;
}

export interface Call {
  /** Said to the model, whose answer repeats it. */
  label: string;
  conversation: string;
  streaming: boolean;
  repeatable: boolean;
  /** Whether policy must deny it. */
  forbidden: boolean;
  idempotencyKey: string | undefined;
  tries: Try[];
}

export const isGood = ({ status, whole }: Try): boolean => status >= 200 && status < 300 && whole;

export const isRetryable = ({ status }: Try) =>
  status === 0 || status === 408 || status === 409 || status === 429 || status >= 500;

interface ChatAnswer {
  choices?: { message?: { content?: string }; delta?: { content?: string } }[];
  error?: { message: string };
}

/** The words of an answer, or what is wrong with it. */
export const readAnswer = (body: string, streaming: boolean): { whole: boolean; text: string } => {
  try {
    if (!streaming) {
      const answer: ChatAnswer = JSON.parse(body);
      return { whole: true, text: answer.choices?.[0]?.message?.content ?? answer.error?.message ?? '' };
    }
    const data = body.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
    const chunks = data.filter((line) => line !== '[DONE]').map((line): ChatAnswer => JSON.parse(line));
    const text = chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join('');
    const error = chunks.find((chunk) => chunk.error)?.error;
    return { whole: data.at(-1) === '[DONE]' && !error, text: error?.message ?? text };
  } catch {
    return { whole: false, text: 'not readable' };
  }
};

const bodyOf = ({ label, streaming, repeatable, forbidden }: Call) =>
  JSON.stringify({
    model: forbidden ? 'forbidden' : 'small',
    messages: [{ role: 'user', content: label }],
    ...(streaming ? { stream: true } : {}),
    // Said outright, it makes a call that is not safe to repeat.
    ...(repeatable ? {} : { store: true }),
  });

const tryOnce = async (dispatcher: Agent, url: string, call: Call): Promise<Try & { retryAfterMs: number }> => {
  const outcome = { at: Date.now(), endedAt: 0, status: 0, requestId: '', whole: false, text: '', retryAfterMs: 0 };
  try {
    const { statusCode, headers, body } = await request(`${url}/v1/chat/completions`, {
      method: 'POST',
      dispatcher,
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        'x-conversation-id': call.conversation,
        'x-request-timeout-ms': String(DEADLINE_MS),
        ...(call.idempotencyKey === undefined ? {} : { 'idempotency-key': call.idempotencyKey }),
      },
      body: bodyOf(call),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    outcome.status = statusCode;
    outcome.requestId = String(headers['x-request-id'] ?? '');
    outcome.retryAfterMs = Number(headers['retry-after'] ?? 0) * 1_000;
    const streamed = String(headers['content-type']).startsWith('text/event-stream');
    Object.assign(outcome, readAnswer(await body.text(), streamed));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    outcome.text = code ?? message;
  }
  return { ...outcome, endedAt: Date.now() };
};

export interface LoadOptions {
  seed: number;
  random: Random;
  /** Where the inbound edges listen; a retry goes to another one. */
  urls: readonly string[];
  inFlight: number;
}

export interface Load {
  /** So far; the last ones may have no answer yet. */
  calls: readonly Call[];
  /** Begins no more calls and retries; resolves when those in flight have ended. */
  stop(): Promise<void>;
}

export const startLoad = ({ seed, random, urls, inFlight }: LoadOptions): Load => {
  const calls: Call[] = [];
  const stopping = new AbortController();
  const dispatcher = new Agent({ connections: inFlight * 2, pipelining: 1 });
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  const next = (): Call => {
    const number = calls.length;
    // Several at a time are of one conversation.
    const block = Math.floor(number / (CALLS_PER_CONVERSATION * 4));
    const forbidden = random() < 0.03;
    return {
      label: `call ${number}.`,
      conversation: `chaos-${seed}-${block}-${Math.floor(random() * 4)}`,
      streaming: random() < 0.4,
      repeatable: random() < 0.6,
      forbidden,
      idempotencyKey: random() < 0.4 ? `chaos-${seed}-${number}` : undefined,
      tries: [],
    };
  };

  const make = async (call: Call, edge: number) => {
    for (let i = 0; ; i += 1) {
      const { retryAfterMs, ...tried } = await tryOnce(dispatcher, urls[(edge + i) % urls.length]!, call);
      call.tries.push(tried);
      if (!isRetryable(tried) || i === MAX_RETRIES || stopping.signal.aborted) return;
      await pause(retryAfterMs || Math.min(500 * 2 ** i, 8_000) * between(random, 0.75, 1));
    }
  };

  const loop = async () => {
    while (!stopping.signal.aborted) {
      const call = next();
      calls.push(call);
      const edge = Math.floor(random() * urls.length);
      await make(call, edge);
      // Whoever comes back with a key is to have the same answer.
      if (call.idempotencyKey !== undefined && random() < 0.15 && !stopping.signal.aborted) await make(call, edge + 1);
      await pause(between(random, 10, 200));
    }
  };
  const loops = Array.from({ length: inFlight }, loop);

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    stopping.abort();
    await Promise.all(loops);
    await dispatcher.close();
  };
  return {
    calls,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
};

/** Whether a process of these services has an edge that clients call. None named: all of them. */
export const servesClients = (services: readonly string[]): boolean =>
  services.length === 0 || services.includes('edge-llm');
