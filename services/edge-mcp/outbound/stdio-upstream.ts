/**
 * A server that is a process. One process serves all; where it speaks a revision in which it may ask its client, there is one
 * more for each set of things that clients can be asked, and that one is held by one call at a time: nothing on stdio says
 * which call a question is about.
 */
import type { PriorDiscovery } from '@modelcontextprotocol/client';
import type { Logger } from 'pino';
import type { McpClient } from '../../runtime/mcp/message.ts';
import { CallFailed } from './call-failed.ts';
import { capabilitiesKey, ITSELF } from './identity.ts';
import { createLastWords } from './last-words.ts';
import { type Command, type StdioProcess, startProcess } from './stdio-process.ts';
import {
  type Channel,
  type Heard,
  type Line,
  type Listener,
  orAborted,
  type Standing,
  type Upstream,
} from './upstream.ts';

/** The wait before a process that died is started again: it doubles each time that it dies young. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 30_000;
const YOUNG_MS = 30_000;
/** A process for clients that can be asked ends when nobody used it for so long; and there are so many at most. */
const IDLE_MS = 300_000;
const MAX_ASKING = 8;

const NOTHING_TO_ASK = capabilitiesKey(ITSELF);

/** A process, from one start to the next. */
interface Place {
  running: Promise<StdioProcess> | undefined;
  wait: number;
  startAt: number;
  /** Settles when the call that holds it is done with. */
  turn: Promise<void>;
  holders: number;
  idle: NodeJS.Timeout | undefined;
}

/** @param patienceMs how long a call waits for a process that is to be started again */
export const createStdioUpstream = (
  command: Command,
  handshakeMs: number,
  patienceMs: number,
  logger: Logger,
  heard: Heard,
): Upstream => {
  const places = new Map<string, Place>();
  const leaving = new Set<Promise<void>>();
  let prior: PriorDiscovery | undefined;
  let isClosed = false;

  const placeOf = (key: string): Place => {
    const known = places.get(key);
    if (known) return known;
    const place: Place = {
      running: undefined,
      wait: FIRST_WAIT_MS,
      startAt: 0,
      turn: Promise.resolve(),
      holders: 0,
      idle: undefined,
    };
    places.set(key, place);
    return place;
  };

  const start = (key: string, place: Place, asked: McpClient): Promise<StdioProcess> => {
    const startedAt = Date.now();
    const lastWords = createLastWords(command.secrets);
    const ended = () => {
      if (place.running !== coming) return;
      place.running = undefined;
      if (isClosed || places.get(key) !== place) return;
      if (Date.now() - startedAt > YOUNG_MS) place.wait = FIRST_WAIT_MS;
      place.startAt = Date.now() + place.wait;
      logger.warn({ waitMs: place.wait, stderr: lastWords.text() }, 'the process of an MCP server ended');
      place.wait = Math.min(place.wait * 2, MAX_WAIT_MS);
    };
    // What changes is said by each process: it is heard once.
    const hearing = key === NOTHING_TO_ASK ? heard : () => {};
    const coming = startProcess(command, asked, prior, handshakeMs, logger, hearing, lastWords);
    void coming.then((process) => {
      prior = process.verdict;
      if (isClosed) void process.close();
      return process.closed.then(ended);
    }, ended);
    return coming;
  };

  const running = async (key: string, asked: McpClient): Promise<StdioProcess> => {
    const place = placeOf(key);
    const wait = place.startAt - Date.now();
    if (!place.running && wait > patienceMs)
      throw new CallFailed(
        'CONNECT_FAILED',
        'The process of the MCP server ended, and is not yet started again.',
        false,
      );
    if (!place.running && wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (isClosed) throw new CallFailed('CONNECT_FAILED', 'The mesh is stopping.', false);
    place.running ??= start(key, place, asked);
    return place.running;
  };

  const own = () => running(NOTHING_TO_ASK, ITSELF);

  const shared = (process: StdioProcess): Channel => ({
    protocolVersion: process.protocolVersion,
    isModern: process.modern,
    closesToCancel: false,
    open: process.open,
    setLogLevel: process.setLogLevel,
    release: () => {},
  });

  const end = (key: string, place: Place) => {
    if (place.holders > 0) return;
    places.delete(key);
    clearTimeout(place.idle);
    void place.running?.then((process) => process.close()).catch(() => {});
  };

  /** What it still asks for a call that was given up can't be told from what it asks for the next, which may be another person's. */
  const letGo = (place: Place) => {
    const process = place.running;
    place.running = undefined;
    const gone = Promise.resolve(process)
      .then((one) => one?.close())
      .finally(() => leaving.delete(gone));
    leaving.add(gone);
  };

  const makeRoom = () => {
    const asking = [...places].filter(([key, { holders }]) => key !== NOTHING_TO_ASK && holders === 0);
    const tooMany = places.size - 1 - MAX_ASKING;
    for (const [key, place] of asking.slice(0, Math.max(0, tooMany))) end(key, place);
  };

  /** Waits for its turn, and holds the process until it is released. */
  const alone = async (asked: McpClient, signal: AbortSignal): Promise<Channel> => {
    const key = capabilitiesKey(asked);
    const place = placeOf(key);
    clearTimeout(place.idle);
    place.holders += 1;
    makeRoom();
    const before = place.turn;
    const done = Promise.withResolvers<void>();
    place.turn = before.then(() => done.promise);
    let isGivenUp = () => false;
    const release = () => {
      place.holders -= 1;
      if (isGivenUp()) letGo(place);
      done.resolve();
      if (place.holders === 0) place.idle = setTimeout(() => end(key, place), IDLE_MS).unref();
    };
    try {
      await orAborted(before, signal);
      const process = await orAborted(running(key, asked), signal);
      const own = place.running;
      let line: Line | undefined;
      let isAnswered = false;
      isGivenUp = () => line?.sent() === true && !isAnswered && place.running === own;
      const open = (listener: Listener): Line => {
        const message: Listener['message'] = (said) => {
          isAnswered ||= !('method' in said);
          listener.message(said);
        };
        line = process.open({ ...listener, message });
        return line;
      };
      return { ...shared(process), open, release };
    } catch (error) {
      release();
      throw error;
    }
  };

  return {
    channelFor: async ({ client }, signal) => {
      const process = await orAborted(own(), signal);
      return process.modern || capabilitiesKey(client) === NOTHING_TO_ASK ? shared(process) : alone(client, signal);
    },
    standing: async (signal): Promise<Standing> => {
      const process = await orAborted(own(), signal);
      return { ...process.standing, channel: shared(process) };
    },
    forget: () => false,
    // A process is no conversation's own: its clients do not say that they tell of their roots.
    rootsChanged: () => {},
    misjudged: () => {
      prior = undefined;
    },
    close: async () => {
      isClosed = true;
      await Promise.all([
        ...leaving,
        ...[...places.values()].map(async ({ running, idle }) => {
          clearTimeout(idle);
          await running?.then((process) => process.close()).catch(() => {});
        }),
      ]);
    },
  };
};
