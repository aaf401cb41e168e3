/** What the mesh promises whatever breaks, each as a function of the evidence. */
import { answersLogged } from './answers.ts';
import { atMostOnce } from './at-most-once.ts';
import { auditWhole } from './audit.ts';
import { onlyPermittedRouted } from './denied.ts';
import type { Evidence, Invariant, Violation } from './evidence.ts';
import { nothingDark } from './nothing-dark.ts';
import { causesFirst, chunkOrder, conversationOrder } from './order.ts';
import { oneOutcome } from './outcomes.ts';
import { redeliveryFolds, stateFromLog } from './states.ts';
import { usageOnce } from './usage.ts';

export type { ClientAnswer, Evidence, Invariant, LoggedRecord, UpstreamCall, Violation } from './evidence.ts';

export const invariants: readonly Invariant[] = [
  oneOutcome,
  nothingDark,
  atMostOnce,
  usageOnce,
  onlyPermittedRouted,
  conversationOrder,
  chunkOrder,
  causesFirst,
  auditWhole,
  stateFromLog,
  redeliveryFolds,
  answersLogged,
];

/** Every promise that was not kept. */
export const check = (evidence: Evidence): Violation[] => invariants.flatMap((one) => one.check(evidence));
