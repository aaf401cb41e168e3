/** What the mesh promises whatever breaks, each as a function of the evidence. */
import { answersLogged } from './answers.ts';
import { onlyApproved } from './approved.ts';
import { atMostOnce, onceUnderAKey } from './at-most-once.ts';
import { auditWhole } from './audit.ts';
import { agentsTold, callsOnce, stepsOnce } from './calls.ts';
import { onlyPermittedRouted } from './denied.ts';
import { endedInTime, subTasksCancelled, timersOnce } from './endings.ts';
import type { Evidence, Invariant, Violation } from './evidence.ts';
import { nothingDark } from './nothing-dark.ts';
import { causesFirst, chunkOrder, conversationOrder } from './order.ts';
import { oneOutcome } from './outcomes.ts';
import { redeliveryFolds, stateFromLog } from './states.ts';
import { ownTasksOnly, tasksFold, updatesNumbered } from './tasks.ts';
import { usageOnce } from './usage.ts';

export type {
  ClientAnswer,
  Evidence,
  Invariant,
  LoggedRecord,
  StepEffect,
  ToolShown,
  UpstreamCall,
  Violation,
} from './evidence.ts';

export const invariants: readonly Invariant[] = [
  oneOutcome,
  nothingDark,
  atMostOnce,
  onceUnderAKey,
  onlyApproved,
  usageOnce,
  onlyPermittedRouted,
  conversationOrder,
  chunkOrder,
  causesFirst,
  auditWhole,
  stateFromLog,
  redeliveryFolds,
  answersLogged,
  updatesNumbered,
  tasksFold,
  ownTasksOnly,
  callsOnce,
  agentsTold,
  stepsOnce,
  endedInTime,
  subTasksCancelled,
  timersOnce,
];

/** Every promise that was not kept. */
export const check = (evidence: Evidence): Violation[] => invariants.flatMap((one) => one.check(evidence));
