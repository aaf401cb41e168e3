/** The rules of docs/a2a-over-kafka.md that the kit tests, by their numbers there. */
export const rules = {
  C1: 'the agent announces its card, with this binding among its interfaces',
  E1: 'keys are the contextId, or the name of the agent',
  E2: 'partitions follow from keys by murmur2',
  E3: 'large records are taken and written',
  E4: 'every record has its headers',
  E5: 'every value is of a schema that is registered under its subject',
  E6: 'values are read by the schema that they name',
  E7: 'what it does not know or cannot read does not stop it',
  E8: "A2A's data is valid, and has the mesh's ids",
  E9: "fields of A2A's data that it does not know are ignored",
  D1: 'what it has dealt with is not dealt with again',
  D2: 'nothing is said under two ids',
  D3: 'killed and started again, it goes on',
  T1: 'every turn ends',
  T2: 'reports say status and artifacts, and artifacts come before the end',
  T3: 'nothing is reported after the end',
  T4: 'it asks the user, and goes on with the answer',
  T5: 'what it cannot do ends as FAILED, with a reason',
  T6: 'a direct answer is one message and no task',
  T7: 'a task that waits or works holds up no other',
  T8: 'a cancelled task stops',
  K1: 'calls and timers are complete',
  K2: 'the same call has the same id',
  K3: 'it goes on with the answer of a call, and is not left waiting by a failure',
  K4: 'it goes on once a child task has ended',
  K5: 'it goes on when the timer has elapsed, not before',
  K6: 'what is returned does not stop it, and is not said again',
} as const;

export type Rule = keyof typeof rules;

/** What came of a test of a rule. */
export interface Result {
  rule: Rule;
  /** What was tested of it. */
  what: string;
  outcome: 'pass' | 'fail' | 'skip';
  /** Why it was not passed. */
  why?: string;
}
