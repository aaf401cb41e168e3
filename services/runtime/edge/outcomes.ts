import type { EventType } from '../../../topics/index.ts';

/** The events of which a request has exactly one, its end. */
export const outcomeTypes = [
  'RequestDenied',
  'RequestUnroutable',
  'ResponseCompleted',
  'ResponseFailed',
] as const satisfies readonly EventType[];

/** Where they are. In mesh.dispatches are those that were stated before RequestUnroutable had its place among the other ends. */
export const outcomeTopics = ['mesh.decisions', 'mesh.dispatches', 'mesh.responses'] as const;

/** Answers are waited for; denials are rare and lie among records that are heard by policy's readers. */
export const outcomesHeard = { topics: ['mesh.responses'], rarer: ['mesh.decisions'] } as const;
