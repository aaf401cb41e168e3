import type { EventType } from '../../../topics/index.ts';
import { outcomeTypes } from '../../runtime/edge/outcomes.ts';
import type { AnyRecorded } from '../../runtime/log.ts';

/** The events that can follow from a call and concern its client. RequestPermitted says which body was let through. */
export const answerTypes = [
  'RequestPermitted',
  'ResponseChunk',
  ...outcomeTypes,
] as const satisfies readonly EventType[];

export type AnswerEvent = AnyRecorded<(typeof answerTypes)[number]>;
