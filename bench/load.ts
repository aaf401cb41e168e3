/**
 * A load generator as a process of its own: N calls in flight, each begun when the one before it has ended, every answer checked.
 *   node bench/load.ts '{"url":"http://127.0.0.1:4000/v1","key":"…","stream":false,"inFlight":16,"warmUpMs":1000,"durationMs":5000}'
 * Prints a LoadResult as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { type A2aCall, a2aCall } from './agents/calls.ts';
import { type Call, chatCall } from './call.ts';
import { type Era, mcpCall } from './mcp-call.ts';
import { type Distribution, distribution, Recording } from './statistics.ts';

export interface LoadOptions {
  /** Base URL, with the version; of an agent, its own. */
  url: string;
  key: string;
  stream: boolean;
  /** Of an agent; default: a chat with a model. */
  a2a?: A2aCall | undefined;
  /** Of an MCP server: for a client of then; streams are calls that tell of their progress. */
  mcp?: Era | undefined;
  inFlight: number;
  /** At most so many calls are begun a second; default: each as soon as the one before it has ended. */
  rate?: number;
  /** Calls begun in this time count in `calls` only. */
  warmUpMs: number;
  durationMs: number;
}

export interface LoadResult {
  /** All that were answered rightly, the warm-up's too. */
  calls: number;
  /** Begun in `durationMs` and answered rightly. */
  measured: number;
  /** Measured calls a second. */
  rate: number;
  failed: number;
  firstFault: string | undefined;
  /** Whole calls: from the request handed over to the last byte of the answer. Microseconds. */
  callUs: Distribution;
  /** To the first byte of the body, or of what the call says it begins with. Microseconds. */
  firstByteUs: Distribution;
}

const PATIENCE_MS = 60_000;
/** After a failure, so that a refused connection is not asked again thousands of times a second. */
const PAUSE_MS = 50;

interface Outcome {
  beganMs: number;
  firstByteMs: number;
  endedMs: number;
  fault: string | undefined;
}

/** One call; never rejects. */
const make = (pool: Pool, request: Dispatcher.DispatchOptions, { fault, begins = '' }: Call): Promise<Outcome> =>
  new Promise((resolve) => {
    const outcome = { beganMs: performance.now(), firstByteMs: 0, endedMs: 0 };
    let status = 0;
    const parts: Buffer[] = [];
    const end = (fault: string | undefined) => resolve({ ...outcome, endedMs: performance.now(), fault });
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData(_controller, part) {
        if (outcome.firstByteMs === 0 && part.includes(begins)) outcome.firstByteMs = performance.now();
        parts.push(part);
      },
      onResponseEnd() {
        const endedMs = performance.now();
        resolve({ ...outcome, endedMs, fault: fault(status, Buffer.concat(parts).toString()) });
      },
      onResponseError: (_controller, error) => end(`${error.name}: ${error.message}`),
    });
  });

const generate = async ({
  url,
  key,
  stream,
  a2a,
  mcp,
  inFlight,
  rate,
  warmUpMs,
  durationMs,
}: LoadOptions): Promise<LoadResult> => {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, {
    connections: inFlight,
    pipelining: 1,
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  });
  const call = mcp ? await mcpCall(mcp, stream, url, key) : a2a ? a2aCall(a2a, stream) : chatCall(stream);
  const request: Dispatcher.DispatchOptions = {
    path: pathname + call.path,
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...call.headers },
  };
  let made = 0;
  const callUs = new Recording();
  const firstByteUs = new Recording();
  const from = performance.now() + warmUpMs;
  const until = from + durationMs;
  let calls = 0;
  let failed = 0;
  let firstFault: string | undefined;

  // Spread over the warm-up: calls that take equally long would go on beginning at the same moment.
  const loop = async (place: number) => {
    await sleep((warmUpMs * place) / inFlight);
    for (let due = performance.now(); performance.now() < until; ) {
      if (rate !== undefined) {
        due = Math.max(due + (inFlight / rate) * 1_000, performance.now());
        await sleep(due - performance.now());
      }
      const outcome = await make(pool, { ...request, body: call.body(made++) }, call);
      if (outcome.fault !== undefined) {
        failed += 1;
        firstFault ??= outcome.fault;
        await sleep(PAUSE_MS);
        continue;
      }
      calls += 1;
      // By when it began: a call that stalls past the end counts too.
      if (outcome.beganMs < from || outcome.beganMs >= until) continue;
      callUs.add((outcome.endedMs - outcome.beganMs) * 1000);
      firstByteUs.add((outcome.firstByteMs - outcome.beganMs) * 1000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, place) => loop(place)));
  await pool.close();
  const measured = callUs.count;
  return {
    calls,
    measured,
    rate: measured / (durationMs / 1000),
    failed,
    firstFault,
    callUs: distribution(callUs.values()),
    firstByteUs: distribution(firstByteUs.values()),
  };
};

if (import.meta.main) {
  const options = process.argv[2];
  if (!options) throw new Error('usage: node bench/load.ts <LoadOptions as JSON>');
  console.log(JSON.stringify(await generate(JSON.parse(options) as LoadOptions)));
}
