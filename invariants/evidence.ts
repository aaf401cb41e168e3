/** What is known of a run once it is over: what the log holds, what the upstream saw, what clients were told. */
import type { AnyRecorded } from '../services/runtime/log.ts';

/** A call as the upstream's own access log has it. */
export interface UpstreamCall {
  /** The x-client-request-id that it came with: the id of the dispatch. Empty: it came without. */
  dispatchId: string;
  /**
   * Of an upstream that is not told of the dispatch, as an MCP server: the request, by what it said that no other does. Empty:
   * there is no such request in the log.
   */
  requestId?: string;
  /** Whether the upstream turned it away before it did anything. */
  refused?: boolean;
  /** What names it for its client and is given again where it is repeated, where it is not safe to perform twice. */
  key?: string;
  /** When it came, by the upstream's clock, milliseconds since the epoch. */
  at: number;
  /** How many records the log held when it came, where that is known: those with a smaller `sequence`. */
  logged?: number;
}

/** What a client was told of a call. */
export interface ClientAnswer {
  /** x-request-id; empty where the answer had none. */
  requestId: string;
  status: number;
  /** Whether it came to its end. */
  whole: boolean;
}

/** A tool that a client was shown in a list. */
export interface ToolShown {
  server: string;
  /** The server's own name for it. */
  tool: string;
  /** By the clock that is right, milliseconds since the epoch. */
  at: number;
  /** How many records the log held when the list came. */
  logged: number;
}

/** What a step of an agent on the log did to the world outside of it. */
export interface StepEffect {
  agent: string;
  taskId: string;
  step: string;
  /** Tells the run of the agent's code from all others. */
  run: string;
  /** When, by the clock that is right, milliseconds since the epoch. */
  at: number;
  /** How many records the log held when that run was told what had been recorded before. */
  knew: number;
}

/** A state, told twice: both are to be equal. */
export interface StateTwice {
  /** Whose state, e.g. `routing of process 1`. */
  what: string;
  /** As it is held, or as it came to be with redeliveries. */
  held: unknown;
  /** As the log alone says it is. */
  rebuilt: unknown;
}

export interface Evidence {
  /** Every record of the mesh's topics. */
  records: readonly LoggedRecord[];
  calls: readonly UpstreamCall[];
  answers: readonly ClientAnswer[];
  /** What clients of MCP were shown. */
  shown?: readonly ToolShown[];
  /** In the order in which they came about; where agents tell of them. */
  effects?: readonly StepEffect[];
  /**
   * Set where the run ended before everything was done: requests without an outcome, responses without usage and events
   * without an audit entry are no violations then.
   */
  mayBeOpen?: boolean;
  /** When the run ended, milliseconds since the epoch: what retention may have removed by then is not missed. */
  endedAt?: number;
  /** Of what runs still when the run is over. */
  states?: readonly StateTwice[];
  /** Of the same events, with and without redeliveries. */
  redeliveries?: readonly StateTwice[];
}

export type LoggedRecord = AnyRecorded & {
  /** Its place among all records of the log; known of all records, or of none. */
  sequence?: number;
};

/** Where a promise of the mesh was not kept. */
export interface Violation {
  invariant: string;
  /** The conversation, where it is one's. */
  contextId: string;
  requestId: string;
  message: string;
}

/** A promise of the mesh: what is wrong with the evidence, or nothing. */
export interface Invariant {
  name: string;
  check(evidence: Evidence): Violation[];
}
