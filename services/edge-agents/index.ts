import { topicOf } from '../../topics/index.ts';
import { type Processor, processorService } from '../runtime/processor.ts';
import type { Service } from '../runtime/service.ts';
import { startHearing } from './hear.ts';
import { hearingReads, hearingWrites } from './hearing.ts';
import { decide, evolve, type TellingState, tellingReads, tellingWrites } from './telling.ts';
import { startTimers } from './timers.ts';

export const tellingProcessor: Processor<TellingState, (typeof tellingReads)[number], (typeof tellingWrites)[number]> =
  {
    name: 'edge-agents',
    reads: tellingReads,
    follows: ['MeshConfigured'],
    writes: tellingWrites,
    // Of what was said together a part may be in the log alone, and inboxes are not recalled: what is handed over again is told
    // again, under the same ids, which agents and task-state know.
    settledBy: [],
    initialState: () => undefined,
    decide,
    evolve,
  };
const telling = processorService(tellingProcessor);

/** The edge between agents on the log and the mesh: an inbox and an outbox each, and timers that wake them. */
export const edgeAgents: Service = {
  name: 'edge-agents',
  group: 'edge-agents',
  reads: [...new Set([...telling.reads, ...hearingReads.map((type) => topicOf[type]), 'mesh.timers' as const])],
  writes: [...new Set([...tellingWrites, ...hearingWrites, 'TimerFired' as const, 'EventDeadLettered' as const])],
  start: async (context) => {
    const started = await Promise.allSettled([
      telling.start(context),
      startHearing(context),
      startTimers(context.log, context.logger.child({ service: 'edge-agents' }), context.now),
    ]);
    const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const stop = async () => {
      await Promise.all(running.map((one) => one.stop()));
    };
    const failed = started.find((one) => one.status === 'rejected');
    if (!failed) return { stop };
    await stop();
    throw failed.reason;
  },
};
