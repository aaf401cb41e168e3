import type { EventType } from '../../../topics/index.ts';

/** The events of which a request has exactly one, its end. */
export const outcomeTypes = [
  'RequestDenied',
  'RequestUnroutable',
  'ResponseCompleted',
  'ResponseFailed',
] as const satisfies readonly EventType[];

/** Where they are. */
export const outcomeTopics = ['mesh.decisions', 'mesh.dispatches', 'mesh.responses'] as const;

/** Answers are waited for; refusals are rare and lie among records that are heard by policy's and routing's readers. */
export const outcomesHeard = { topics: ['mesh.responses'], rarer: ['mesh.decisions', 'mesh.dispatches'] } as const;
