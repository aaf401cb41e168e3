import type { Dispatcher } from 'undici';
import type * as mesh from '../../../schemas/generated.ts';
import type { Meters } from '../openai/usage.ts';
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

export interface Completed {
  kind: 'completed';
  status: number;
  headers: Record<string, string>;
  /** The whole answer in the client's protocol, of a stream too. */
  message: Buffer;
  meters: Meters;
  estimated: boolean;
  startedAt: number;
  firstByteAt: number;
  /** For traces: what the upstream says it was. */
  response: { id: string; model: string; finishReasons: string[] };
}

export interface Failed {
  kind: 'failed';
  failure: mesh.Failure;
  targetAtFault: boolean;
  retryable: boolean;
  meters: Meters;
  estimated: boolean;
}
