/**
 * A question to a client without a session (MCP 2026-07-28, Multi Round-Trip Requests): its POST ends with the question, and its
 * next one brings the answer, to any replica. What joins the two is a sealed requestState.
 */
import { z } from 'zod';
import { heardUntil } from '../../runtime/ask.ts';
import { outcomeTopics } from '../../runtime/edge/outcomes.ts';
import { RuntimeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Signing } from '../../runtime/signing.ts';
import { type AnswerEvent, answerTypes } from './events.ts';

/** Clocks of brokers and edges differ. */
const SLACK_MS = 60_000;

const round = z.object({
  mcpRequest: z.string(),
  contextId: z.string(),
  credential: z.string(),
  endpoint: z.string(),
  /** When the request is to be answered, milliseconds since the epoch. */
  deadline: z.number(),
  traceparent: z.string(),
  /** The question's chunk: when it was stated, and which it is. */
  time: z.number(),
  attempt: z.number(),
  index: z.number(),
});

/** Where a request stands that waits for its client. */
export type Round = z.infer<typeof round>;

export const sealRound = async (signing: Pick<Signing, 'seal'>, one: Round): Promise<string> =>
  (await signing.seal(Buffer.from(JSON.stringify(one)))).toString('latin1');

/** Undefined: it is not the mesh's own, but a server's. */
export const openRound = async (signing: Pick<Signing, 'open'>, requestState: unknown): Promise<Round | undefined> => {
  if (typeof requestState !== 'string') return undefined;
  try {
    return round.safeParse(JSON.parse((await signing.open(Buffer.from(requestState, 'latin1'))).toString())).data;
  } catch {
    return undefined;
  }
};

/**
 * What was said of a request since its question, the question first, and what comes.
 * @throws the signal's reason once it is aborted; PARLEY_LOG_UNAVAILABLE
 */
export async function* sinceRound(
  log: Log,
  { mcpRequest, contextId, time }: Round,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent> {
  const heard = heardUntil<AnswerEvent>(signal);
  const tail = await log
    .tail(
      outcomeTopics,
      (record) => {
        if (record.correlationId === mcpRequest && record.key === contextId) heard.put(record as AnswerEvent);
      },
      { from: { time: time - SLACK_MS }, partitions: [log.partitionOf(contextId)], types: answerTypes },
    )
    .catch((error: unknown) => {
      throw new RuntimeError('PARLEY_LOG_UNAVAILABLE', 'the log cannot be read', error);
    });
  try {
    yield* heard.each();
  } finally {
    void tail.close().catch(() => {});
  }
}
