import { publicUrlOf } from '../runtime/edge/public-url.ts';
import type { RunningService, Service } from '../runtime/service.ts';
import { startCards } from './cards/cards.ts';
import { followCards } from './cards/known-cards.ts';
import { startInbound } from './inbound/inbound.ts';
import { startOutbound } from './outbound/outbound.ts';
import { followPushConfigurations } from './push/configurations.ts';
import { refusesPush, startPush } from './push/push.ts';

/** The edge between A2A clients, the mesh and A2A agents: A2A on both sides, events between. */
export const edgeA2a: Service = {
  name: 'edge-a2a',
  group: 'edge-a2a-outbound',
  reads: [
    'mesh.configuration',
    'mesh.agents',
    'mesh.decisions',
    'mesh.dispatches',
    'mesh.attempts',
    'mesh.responses',
    'mesh.task-updates',
    'mesh.tasks',
    'mesh.cancellations',
    'mesh.push-configurations',
  ],
  writes: [
    'RequestReceived',
    'AuthenticationFailed',
    'TaskCancelRequested',
    'PushConfigurationSet',
    'PushConfigurationDeleted',
    'PushDelivered',
    'PushFailed',
    'AgentCardPublished',
    'AgentCardRefused',
    'AttemptBegun',
    'AttemptFailed',
    'ProbeSucceeded',
    'TaskReported',
    'ResponseCompleted',
    'ResponseFailed',
    'EventDeadLettered',
  ],
  start: async (context) => {
    /** In the order in which they stop: what inbound waits for, outbound still performs. */
    const running: RunningService[] = [];
    const stop = async () => {
      for (const one of running) await one.stop();
    };
    try {
      const cards = await followCards(context.log, context.logger);
      running.unshift({ stop: () => cards.close() });
      running.unshift(startCards(context, cards));
      const wanted = await followPushConfigurations(context.log, context.logger);
      running.unshift({ stop: () => wanted.close() });
      running.unshift(await startOutbound(context, cards, context.signing.signJwt));
      const issuer = () => publicUrlOf(context);
      running.unshift(
        await startPush(context, wanted, { sign: context.signing.signJwt, unseal: context.signing.open, issuer }),
      );
      running.unshift(
        await startInbound(context, { signing: context.signing, cards, wanted, refusesPush: refusesPush(context) }),
      );
      return { stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};
