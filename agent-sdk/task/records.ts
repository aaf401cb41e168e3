import type {
  AgentCalled,
  AgentReported,
  AgentSlept,
  CallAnswered,
  CallUpdated,
  CancelDelivered,
  MessageDelivered,
  ReportReturned,
  StepRecorded,
  TimerElapsed,
} from '../../schemas/generated.ts';

export const operationKinds = ['step', 'call', 'sleep', 'ask', 'answered', 'progress', 'artifact', 'end'] as const;

interface InboxData {
  MessageDelivered: MessageDelivered;
  CallAnswered: CallAnswered;
  CallUpdated: CallUpdated;
  TimerElapsed: TimerElapsed;
  CancelDelivered: CancelDelivered;
  ReportReturned: ReportReturned;
}
interface OutboxData {
  AgentReported: AgentReported;
  AgentCalled: AgentCalled;
  AgentSlept: AgentSlept;
  StepRecorded: StepRecorded;
}

export type InboxType = keyof InboxData;
export type OutboxType = keyof OutboxData;

/** What the mesh told the agent about a task. */
export type Told = {
  [T in InboxType]: { id: string; type: T; contextId: string; traceparent: string; data: InboxData[T] };
}[InboxType];

/** What an agent says: the type and the data of its record. */
export type Saying = { [T in OutboxType]: { type: T; data: OutboxData[T] } }[OutboxType];

/** Which operation of the task it is about: its number and kind, or that it is the end. In the record's header `ce_operation`. */
export type OperationKind = (typeof operationKinds)[number];

/** A record for the outbox. */
export type Statement = Saying & {
  /** Derived from agent, task, operation number and kind. */
  id: string;
  number: number;
  kind: OperationKind;
  contextId: string;
  correlationId: string;
  /** The record of the inbox that the handler had been told last. */
  causationId: string;
  traceparent: string;
  /** Milliseconds since the epoch. */
  time: number;
};
