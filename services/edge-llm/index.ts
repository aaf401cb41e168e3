import type { Service } from '../runtime/service.ts';
import { startInbound } from './inbound/inbound.ts';
import { startOutbound } from './outbound/outbound.ts';

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
    const outbound = await startOutbound(context);
    try {
      const inbound = await startInbound(context);
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
