/** Fills a log with tasks. */
import { newId } from '../../services/runtime/event.ts';
import { newTraceparent } from '../../services/runtime/tracing.ts';
import { type Mesh, withLog } from '../scale/cluster.ts';
import { ANSWERED_MS, eventsOf, type FilledTask } from './tasks.ts';

const BATCH = 300;
/** While the broker writes some, the next are encoded. */
const IN_FLIGHT = 3;
const SAMPLES = 1_000;
/** One in so many waits for an answer of its user, and one in so many is asked for by `few`. */
export const ONE_WAITS_IN = 100;
export const ONE_OF_FEW_IN = 1_000;

export interface FilledTasks {
  ms: number;
  /** Of the agent `load`, evenly chosen. */
  samples: { taskId: string; contextId: string; updated: number }[];
  /** How many `few` asked for. */
  few: number;
}

/**
 * @param agent that did all of them
 * @param before how many there are already
 * @throws what `Log.append` throws.
 */
export const fillTasks = async (
  mesh: Mesh,
  agent: string,
  before: number,
  tasks: number,
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<FilledTasks> =>
  withLog(mesh, async (log) => {
    const began = performance.now();
    const samples: FilledTasks['samples'] = [];
    const every = Math.max(1, Math.floor((tasks - before) / SAMPLES));
    let few = 0;
    const taskOf = (i: number): FilledTask => {
      const time = Date.now();
      const asker = i % ONE_OF_FEW_IN === 1 ? 'few' : 'load';
      const task = {
        taskId: newId(time),
        contextId: newId(time),
        requestId: newId(time),
        asker,
        agent,
        waits: i % ONE_WAITS_IN === 0,
        time,
        traceparent: newTraceparent(),
      };
      if (asker === 'few') few += 1;
      else if (i % every === 0)
        samples.push({ taskId: task.taskId, contextId: task.contextId, updated: time + ANSWERED_MS });
      return task;
    };
    const waiting: Promise<unknown>[] = [];
    for (let done = before; done < tasks; ) {
      signal.throwIfAborted();
      const count = Math.min(BATCH, tasks - done);
      waiting.push(log.append(Array.from({ length: count }, (_, i) => taskOf(done + i)).flatMap(eventsOf)));
      if (waiting.length >= IN_FLIGHT) await waiting.shift();
      done += count;
      progress(done, tasks);
    }
    await Promise.all(waiting);
    return { ms: performance.now() - began, samples, few };
  });
