import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ServerCallContext } from '@a2a-js/sdk/server';
import type { Caller } from '../../runtime/edge/callers.ts';

/** A caller on one call: the SDK hands it through as its `User`. */
export class Visitor {
  readonly isAuthenticated = true;
  readonly userName: string;
  readonly caller: Caller;
  /** The conversation in the course of which it calls; empty where it did not say. */
  readonly contextId: string;
  readonly traceparent: string;
  readonly #over = new AbortController();
  /** Aborted when its answer is not wanted or can't be given any more; the reason is an error that says so. */
  readonly signal = this.#over.signal;
  readonly #answer: Writable;

  constructor(given: { caller: Caller; contextId: string; traceparent: string; answer: Writable }) {
    this.caller = given.caller;
    this.userName = given.caller.credential.subject.agent;
    this.contextId = given.contextId;
    this.traceparent = given.traceparent;
    this.#answer = given.answer;
  }

  readonly end = (reason: Error): void => this.#over.abort(reason);

  /** Resolves when what was written so far is on its way: the SDK writes without asking. */
  async drained(): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.#answer.writableNeedDrain) return;
    await once(this.#answer, 'drain', { signal: this.signal }).catch(() => {});
    this.signal.throwIfAborted();
  }
}

/** @throws where a call came by a way that authenticates nobody: there is none. */
export const visitorOf = (context: ServerCallContext): Visitor => {
  if (context.user instanceof Visitor) return context.user;
  throw new Error('a call without a visitor');
};
