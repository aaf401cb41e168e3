import type { EventType } from '../../../topics/index.ts';
import type { AnyRecorded } from '../../runtime/log.ts';

/** The events that can follow from a request and concern its client. */
export const answerTypes = [
  'RequestDenied',
  'RequestUnroutable',
  'ResponseChunk',
  'ResponseCompleted',
  'ResponseFailed',
] as const satisfies readonly EventType[];

/** Where they are. */
export const answerTopics = ['mesh.decisions', 'mesh.dispatches', 'mesh.responses'] as const;

/**
 * What is heard of a request: what follows from it, which of two under one key was let through, and what its client answers to
 * its server's questions.
 */
export const heardTypes = [...answerTypes, 'RequestPermitted', 'InputProvided'] as const satisfies readonly EventType[];

/** Answers are waited for; refusals are rare and lie among records that are heard by policy's and routing's readers. */
export const heard = {
  topics: ['mesh.responses'],
  rarer: ['mesh.decisions', 'mesh.dispatches', 'mesh.inputs'],
} as const;

export type AnswerEvent = AnyRecorded<(typeof answerTypes)[number]>;
export type HeardEvent = AnyRecorded<(typeof heardTypes)[number]>;
