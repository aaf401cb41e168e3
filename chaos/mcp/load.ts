/** Clients of MCP in a closed loop, of either era: with a session that goes from process to process, and without. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { isRetryable, MAX_RETRIES } from '../load.ts';
import { between, pick, type Random } from '../random.ts';
import { type ToolName, toolNames } from './access-log.ts';
import { listTools, openSession, pingSession, type ToolTry, tryTool } from './client.ts';

export interface ToolCall {
  label: string;
  tool: ToolName;
  /** The conversation, which is the session where there is one. */
  conversation: string;
  tries: ToolTry[];
}

/** A session whose opening was answered. */
export interface SessionSeen {
  id: string;
  /** How often it was said that there is none of this id. */
  notFound: number;
  /** Whether its client gave it up, since each retry said so. */
  givenUp: boolean;
  /** Where it was not found when all was over. */
  missingAt: string[];
}

export interface ToolLoad {
  calls: readonly ToolCall[];
  sessions: readonly SessionSeen[];
  /** Resolves when those in flight have ended. */
  stop(): Promise<void>;
  /** Asks after every session at every process. To be called when all serve again. */
  askAfterSessions(): Promise<void>;
}

export interface ToolLoadOptions {
  seed: number;
  random: Random;
  /** Where the inbound edges listen. */
  urls: readonly string[];
  clients: number;
}

const CALLS_PER_SESSION = 10;
const ASK_AGAIN_MS = 200;
const KNOWN_MS = 60_000;

/** Resolves once every process offers the tools. @throws when that takes too long, or the signal's reason */
export const untilOffered = async (urls: readonly string[], signal: AbortSignal): Promise<void> => {
  const dispatcher = new Agent();
  const giveUp = Date.now() + KNOWN_MS;
  try {
    for (const url of urls)
      for (;;) {
        const offered = await listTools(dispatcher, url).catch((): string[] => []);
        if (toolNames.every((name) => offered.includes(name))) break;
        signal.throwIfAborted();
        if (Date.now() > giveUp) throw new Error(`${url} does not offer the tools after ${KNOWN_MS / 1_000} s`);
        await sleep(ASK_AGAIN_MS);
      }
  } finally {
    await dispatcher.close();
  }
};

/** What may have been done is not asked for again. */
const mayRetry = (tool: ToolName, tried: ToolTry): boolean =>
  tried.text === 'ECONNREFUSED' ||
  (tool === 'look' ? isRetryable(tried) || tried.status === 404 : [404, 429, 503].includes(tried.status));

export const startToolLoad = ({ seed, random, urls, clients }: ToolLoadOptions): ToolLoad => {
  const calls: ToolCall[] = [];
  const sessions: SessionSeen[] = [];
  const stopping = new AbortController();
  const dispatcher = new Agent({ connections: clients * 2, pipelining: 1 });
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  /** A client whose every request goes to the next process. */
  const client = async (number: number) => {
    let requests = number;
    const next = () => urls[requests++ % urls.length]!;
    let session: SessionSeen | undefined;

    const ready = async (): Promise<SessionSeen | undefined> => {
      for (let i = 0; i <= MAX_RETRIES && !session; i++) {
        const id = await openSession(dispatcher, next()).catch(() => undefined);
        if (id === undefined) {
          await pause(500);
          continue;
        }
        session = { id, notFound: 0, givenUp: false, missingAt: [] };
        sessions.push(session);
      }
      return session;
    };

    const make = async (call: ToolCall, within: SessionSeen | undefined) => {
      for (let i = 0; ; i++) {
        const whose = within ? { session: within.id } : { conversation: call.conversation };
        const tried = await tryTool(dispatcher, next(), whose, { tool: call.tool, id: `${call.label}${i}.` });
        call.tries.push(tried);
        if (within && tried.status === 404) within.notFound += 1;
        if (!mayRetry(call.tool, tried)) return;
        if (i === MAX_RETRIES || stopping.signal.aborted) {
          if (within && call.tries.length > MAX_RETRIES && call.tries.every(({ status }) => status === 404)) {
            within.givenUp = true;
            session = undefined;
          }
          return;
        }
        await pause(500 * 2 ** i);
      }
    };

    for (let made = 0; !stopping.signal.aborted; made++) {
      if (made % CALLS_PER_SESSION === 0) session = undefined;
      const within = random() < 0.5 ? await ready() : undefined;
      const conversation = within?.id ?? `chaos-${seed}-tools-${number}`;
      const call: ToolCall = {
        label: `tool call ${calls.length}.`,
        tool: pick(toolNames, random()),
        conversation,
        tries: [],
      };
      calls.push(call);
      await make(call, within);
      await pause(between(random, 10, 200));
    }
  };
  const loops = Array.from({ length: clients }, (_, number) => client(number));

  return {
    calls,
    sessions,
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
    askAfterSessions: async () => {
      for (const session of sessions)
        for (const url of urls)
          if ((await pingSession(dispatcher, url, session.id)) !== 200) session.missingAt.push(url);
      await dispatcher.close();
    },
  };
};

/** Whether a process of these services has an edge for MCP. None named: all of them. */
export const servesTools = (services: readonly string[]): boolean =>
  services.length === 0 || services.includes('edge-mcp');
