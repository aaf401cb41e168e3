import type { Service } from '../runtime/service.ts';
import { defaultTimes, startInbound } from './inbound/inbound.ts';
import { defaultOutboundTimes, startOutbound } from './outbound/outbound.ts';
import { createRecentMessages } from './recent-messages.ts';

/** The edge between LLM clients, the mesh and model servers: OpenAI's API on both sides, events between. */
export const edgeLlm: Service = {
  name: 'edge-llm',
  group: 'edge-llm-outbound',
  reads: [
    'mesh.configuration',
    'mesh.decisions',
    'mesh.dispatches',
    'mesh.attempts',
    'mesh.responses',
    'mesh.cancellations',
    'mesh.idempotency-keys',
    'mesh.settlements',
    'mesh.requests',
  ],
  writes: [
    'RequestReceived',
    'AuthenticationFailed',
    'IdempotencyKeyUsed',
    'CancelRequested',
    'AttemptBegun',
    'AttemptFailed',
    'ProbeSucceeded',
    'ResponseChunk',
    'ResponseCompleted',
    'ResponseFailed',
    'EventDeadLettered',
  ],
  start: async (context) => {
    // What one side has stated the other need not read back.
    const recent = createRecentMessages();
    const outbound = await startOutbound(context, defaultOutboundTimes, recent);
    try {
      const inbound = await startInbound(context, defaultTimes, recent);
      return {
        // What inbound waits for, outbound still performs.
        stop: async () => {
          await inbound.stop();
          await outbound.stop();
        },
      };
    } catch (error) {
      await outbound.stop();
      throw error;
    }
  },
};
