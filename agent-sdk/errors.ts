/** What operations of `ctx` throw, and what handlers do. Each says why in its message. */

/** The task was cancelled. Nothing that the agent says after it is heard. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** Thrown by a handler, it ends the task as rejected: the agent does not do such things. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
}

/** The mesh did not take what the agent said. @property reason RefusalReason of the mesh. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * A call of a model, a tool or an agent that brought no answer.
 * @property outcome DENIED: policy says no; UNROUTABLE: nothing serves it; FAILED: it was tried.
 * @property status HTTP status of what answered; 0 where nothing did.
 */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly outcome: 'DENIED' | 'UNROUTABLE' | 'FAILED';
  readonly status: number;
  readonly reason: string;
  constructor(what: string, outcome: CallFailed['outcome'], status: number, reason: string) {
    const ended = { DENIED: 'was denied', UNROUTABLE: 'has nobody to serve it', FAILED: 'failed' }[outcome];
    super(`${what} ${ended}: ${reason || 'no reason was given'}`);
    this.outcome = outcome;
    this.status = status;
    this.reason = reason;
  }
}

/** A step threw; message and cause's name are in the journal, so it is thrown again whenever the task is replayed. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly step: string;
  constructor(step: string, message: string) {
    super(message);
    this.step = step;
  }
}

/** The code asks for something else than the journal says that it did. */
export class Diverged extends Error {
  override readonly name = 'Diverged';
}

/** More than a record of the agent's topic can hold. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
  constructor(bytes: number) {
    super(`${bytes} bytes are more than a record of the agent's outbox can hold`);
  }
}
