import { definitionTypes } from '../runtime/mcp/definitions.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Folded, type Processor, processorService } from '../runtime/processor.ts';
import { decide, evolve, initialState, type PolicyState } from './policy.ts';

const observe = (event: Folded, metrics: Metrics): void => {
  if (event.type === 'RequestPermitted')
    metrics.decisions.inc({ action: event.data.request.action, outcome: 'permitted', reason: '' });
  if (event.type === 'RequestDenied')
    metrics.decisions.inc({ action: event.data.action, outcome: 'denied', reason: event.data.reason });
};

export const policyProcessor: Processor<PolicyState, 'RequestReceived', 'RequestPermitted' | 'RequestDenied'> = {
  name: 'policy',
  reads: ['RequestReceived'],
  follows: ['MeshConfigured', ...definitionTypes],
  writes: ['RequestPermitted', 'RequestDenied'],
  initialState,
  decide,
  evolve,
  observe,
};

/** May it? */
export const policy = processorService(policyProcessor);
