/** The outbound edge for LLM calls: those of a conversation one after the other, side by side across conversations. */

import { createDispatchers, type Dispatchers } from '../../runtime/outbound/dispatchers.ts';
import {
  type OutboundTimes as EdgeTimes,
  type RunningOutbound,
  startOutboundEdge,
} from '../../runtime/outbound/outbound.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import { createRecentMessages } from '../recent-messages.ts';
import { closeUnfinished, performDispatch } from './attempt.ts';
import { recalling } from './said.ts';
import { wholeRequests } from './whole-request.ts';

export interface OutboundTimes extends EdgeTimes {
  /** How long the parts of a stream are gathered into one event. */
  coalesceMs: number;
}

export const defaultOutboundTimes: OutboundTimes = { coalesceMs: 25, graceMs: 20_000, retryMs: 250 };

/**
 * Starts the edge. Resolves once it consumes.
 * @throws what `Log.tail` and `Log.consume` throw.
 */
export const startOutbound = async (
  context: ServiceContext,
  times: OutboundTimes = defaultOutboundTimes,
  recent = createRecentMessages(),
  dispatchers: Dispatchers = createDispatchers(),
): Promise<RunningOutbound> => {
  const calling = { dispatchers, coalesceMs: times.coalesceMs };
  const edge = await startOutboundEdge(
    context,
    {
      name: 'edge-llm',
      serves: ({ data }) => data.request.protocol.startsWith('openai.'),
      laneOf: ({ key }) => key,
      recalling,
      wholeRequestOf: wholeRequests(context.log, recent),
      perform: (...given) => performDispatch(calling, ...given),
      closeUnfinished,
    },
    times,
  );
  return {
    ...edge,
    stop: async () => {
      await edge.stop();
      await dispatchers.close();
    },
  };
};
