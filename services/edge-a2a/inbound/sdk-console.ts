import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';

const scope = new AsyncLocalStorage<Logger>();
let patched = false;

const textOf = (said: unknown): string => (said instanceof Error ? said.message : typeof said === 'string' ? said : '');

/** The SDK knows no logger: it writes to the console, and errors of clients too. */
const patch = (): void => {
  if (patched) return;
  patched = true;
  for (const level of ['error', 'warn', 'debug'] as const) {
    const write = console[level].bind(console);
    console[level] = (...said: unknown[]) => {
      const logger = scope.getStore();
      if (logger) logger.debug({ said: said.map(textOf).join(' ') }, 'the A2A SDK says');
      else write(...said);
    };
  }
};

/** Runs it so that what it says on the console, now and later, goes to the log at debug. */
export const withinLog = <T>(logger: Logger, run: () => T): T => {
  patch();
  return scope.run(logger, run);
};
