import type { Metrics } from '../runtime/metrics.ts';
import { type Folded, processorService } from '../runtime/processor.ts';
import {
  decide,
  evolve,
  initialState,
  type RoutingInput,
  type RoutingOutput,
  type RoutingState,
  reads,
} from './routing.ts';

const observe = (event: Folded, metrics: Metrics): void => {
  switch (event.type) {
    case 'RequestDispatched': {
      const { attempt, probe, target } = event.data;
      metrics.dispatches.inc({ target: target.id, kind: probe ? 'probe' : attempt > 1 ? 'retry' : 'first' });
      break;
    }
    case 'RequestUnroutable':
      metrics.dispatches.inc({ target: 'none', kind: event.data.reason });
      break;
    case 'BreakerOpened':
      metrics.breakerOpen.set({ target: event.data.target }, 1);
      break;
    case 'BreakerClosed':
      metrics.breakerOpen.set({ target: event.data.target }, 0);
      break;
  }
};

/** Who serves it? */
export const routing = processorService<RoutingState, RoutingInput, RoutingOutput>({
  name: 'routing',
  reads,
  follows: ['MeshConfigured', 'BreakerOpened', 'BreakerClosed'],
  writes: ['RequestDispatched', 'RequestUnroutable', 'BreakerOpened', 'BreakerClosed'],
  initialState,
  evolve,
  decide,
  observe,
});
