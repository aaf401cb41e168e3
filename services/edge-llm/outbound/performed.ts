import type { Dispatcher } from 'undici';
import type * as outcomes from '../../runtime/outbound/outcomes.ts';
import type { Caller } from './outgoing.ts';

/** One call to an upstream. */
export interface Call extends Caller {
  /** Aborted with an `Aborted` whose reason the failure takes; with anything else it is CANCELLED. */
  signal: AbortSignal;
  /** Where its connections are kept; has the connection's connect timeout. */
  dispatcher: Dispatcher;
  /** Milliseconds since the epoch. */
  now(): number;
}

export type Performed =
  /** A part of a streamed answer: server-sent events in the client's protocol, ready to be written to it. */
  { kind: 'chunk'; payload: Buffer } | Completed | Failed;

export interface Completed extends outcomes.Completed {
  /** For traces: what the upstream says it was. */
  response: { id: string; model: string; finishReasons: string[] };
}

export type Failed = outcomes.Failed;
