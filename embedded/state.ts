import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ProcessId } from './processes.ts';

export type Server = ProcessId & { port: number };

/** What a start leaves for the next one to find, should it be cut off. */
export interface State {
  owner: ProcessId;
  kafka?: Server;
  registry?: Server;
}

/** What became of a server that the state names: none of ours runs; it runs and answers; it runs and does not. */
export type Sight = 'gone' | 'answers' | 'silent';

export type Step = 'start' | 'adopt' | 'restart';

/** What to do about each server. The registry is of use only with the Kafka that it knows. */
export function plan(seen: { kafka: Sight; registry: Sight }): { kafka: Step; registry: Step } {
  const step = (sight: Sight): Step => ({ gone: 'start', answers: 'adopt', silent: 'restart' })[sight] as Step;
  const kafka = step(seen.kafka);
  const registry = step(seen.registry);
  return { kafka, registry: kafka !== 'adopt' && registry === 'adopt' ? 'restart' : registry };
}

/** The state in a file; undefined when there is none or it cannot be read. */
export function readState(file: string): State | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const state: State = JSON.parse(readFileSync(file, 'utf8'));
    return typeof state.owner?.pid === 'number' ? state : undefined;
  } catch {
    return undefined;
  }
}

export function writeState(file: string, state: State): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}
