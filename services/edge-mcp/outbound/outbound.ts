/** The outbound edge for MCP: calls run side by side, those of one conversation too, as their clients make them. */

import type { Definitions } from '../../runtime/mcp/definitions.ts';
import { PROTOCOL } from '../../runtime/mcp/message.ts';
import { type OutboundTimes, type RunningOutbound, startOutboundEdge } from '../../runtime/outbound/outbound.ts';
import type { ServiceContext } from '../../runtime/service.ts';
import type { Connections } from './connections.ts';
import { closeUnfinished, performDispatch } from './perform.ts';
import { createPlaces } from './places.ts';
import { followAnswers } from './questions.ts';
import { recalling } from './said.ts';

export const defaultOutboundTimes: OutboundTimes = { graceMs: 20_000, retryMs: 250 };

/**
 * Starts the edge. Resolves once it consumes.
 * @param connections shared with the catalogue; closed with the edge
 * @param definitions what servers offer, kept current by their owner
 * @throws what `Log.tail` and `Log.consume` throw.
 */
export const startOutbound = async (
  context: ServiceContext,
  connections: Connections,
  definitions: Definitions,
  times: OutboundTimes = defaultOutboundTimes,
): Promise<RunningOutbound> => {
  const logger = context.logger.child({ service: 'edge-mcp', side: 'outbound' });
  const questions = await followAnswers(context.log, logger);
  const roots = await context.log.tail(['mesh.sessions'], ({ key }) => connections.rootsChanged(key), {
    from: 'end',
    types: ['RootsChanged'],
  });
  const calling = { connections, questions, definitions, places: createPlaces() };
  const edge = await startOutboundEdge(
    context,
    {
      name: 'edge-mcp',
      serves: ({ data }) => data.request.protocol === PROTOCOL,
      laneOf: ({ id }) => id,
      recalling,
      wholeRequestOf: async ({ data }) => data.request,
      perform: (...given) => performDispatch(calling, ...given),
      closeUnfinished,
    },
    times,
  );
  return {
    ...edge,
    stop: async () => {
      await edge.stop();
      await Promise.all([questions.close(), roots.close(), connections.close()]);
    },
  };
};
