import type { ResponseChunk, ResponseCompleted } from '../../../schemas/generated.ts';
import { answerOf, answerOfDenial, answerOfFailure, answerOfUnroutable, type ErrorAnswer } from '../openai/errors.ts';
import type { AnswerEvent } from './events.ts';
import { inboundProblems } from './problems.ts';

/** Where an answer goes. */
export interface Answering {
  whole(status: number, headers: Record<string, string>, body: Buffer): void;
  /** Begins the stream where it has not begun. Resolves when there is room for more. */
  chunk(payload: Buffer): Promise<void>;
  streamEnd(): void;
  /** An error: as the whole answer, or in the stream where that has begun. */
  fail(answer: ErrorAnswer): void;
}

/** What to do with a chunk: a redelivery repeats them, a failover begins anew. */
export const chunkOrder = () => {
  let attempt: number | undefined;
  let next = 0;
  return {
    take: (chunk: Pick<ResponseChunk, 'attempt' | 'index'>): 'next' | 'seen' | 'gap' => {
      attempt ??= chunk.attempt;
      if (chunk.attempt !== attempt || chunk.index < next) return 'seen';
      if (chunk.index > next) return 'gap';
      next += 1;
      return 'next';
    },
    isWhole: ({ chunks }: Pick<ResponseCompleted, 'chunks'>): boolean => chunks > 0 && chunks === next,
  };
};

/**
 * Turns what follows from a call into its answer, and returns the event that ended it.
 * Errors of the events' source pass through.
 */
export const answer = async (
  events: AsyncIterable<AnswerEvent>,
  streaming: boolean,
  to: Answering,
): Promise<AnswerEvent | undefined> => {
  const order = chunkOrder();
  const broken = () => to.fail(answerOf(inboundProblems.brokenStream()));
  for await (const event of events) {
    switch (event.type) {
      case 'RequestPermitted':
        continue;
      case 'RequestDenied':
        to.fail(answerOfDenial(event.data));
        return event;
      case 'RequestUnroutable':
        to.fail(answerOfUnroutable(event.data));
        return event;
      case 'ResponseFailed':
        to.fail(answerOfFailure(event.data.failure));
        return event;
      case 'ResponseChunk': {
        if (!streaming) continue;
        const place = order.take(event.data);
        if (place === 'next') await to.chunk(event.data.payload);
        if (place !== 'gap') continue;
        broken();
        return event;
      }
      case 'ResponseCompleted':
        if (!streaming) to.whole(event.data.status, event.data.headers, event.data.message);
        else if (order.isWhole(event.data)) to.streamEnd();
        else broken();
        return event;
    }
  }
  return undefined;
};
