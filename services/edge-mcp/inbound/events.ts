import type { EventType } from '../../../topics/index.ts';
import { outcomesHeard, outcomeTopics, outcomeTypes } from '../../runtime/edge/outcomes.ts';
import type { AnyRecorded } from '../../runtime/log.ts';

/** The events that can follow from a request and concern its client. */
export const answerTypes = ['ResponseChunk', ...outcomeTypes] as const satisfies readonly EventType[];

/**
 * What is heard of a request: what follows from it, which of two under one key was let through, and what its client answers to
 * its server's questions.
 */
export const heardTypes = [...answerTypes, 'RequestPermitted', 'InputProvided'] as const satisfies readonly EventType[];

/** Where it is. */
export const heardTopics = [...outcomeTopics, 'mesh.inputs'] as const;

export const heard = { ...outcomesHeard, rarer: [...outcomesHeard.rarer, 'mesh.inputs'] } as const;

export type AnswerEvent = AnyRecorded<(typeof answerTypes)[number]>;
export type HeardEvent = AnyRecorded<(typeof heardTypes)[number]>;
