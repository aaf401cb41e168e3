/** Every error that the runtime raises on purpose, by its code. */
export type RuntimeErrorCode =
  | 'PARLEY_LOG_UNAVAILABLE'
  | 'PARLEY_TOO_LARGE'
  | 'PARLEY_UNDECODABLE'
  | 'PARLEY_ENVELOPE'
  | 'PARLEY_SCHEMA_UNKNOWN'
  | 'PARLEY_ENVIRONMENT'
  | 'PARLEY_NOT_APPLIED';

/** @property code what a program can test; the message says to a person what to do. */
export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RuntimeError';
    this.code = code;
  }
}

/** Whether an error says that the log could not confirm an append in time. */
export const isLogUnavailable = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === 'PARLEY_LOG_UNAVAILABLE';

/** Whether an error may be over in a while: a broker that is away, a leader that is being elected, a cluster under load. */
export const isOutage = (error: unknown): boolean =>
  isLogUnavailable(error) ||
  (error instanceof Error && error.name.startsWith('KafkaJS') && !error.name.includes('SASL'));
