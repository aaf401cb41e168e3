import { expect, test } from 'vitest';
import type { EventData, EventType } from '../../topics/index.ts';
import { topicOfEvent } from '../../topics/index.ts';
import { contextForTests } from '../runtime/context-for-tests.ts';
import type { Event, Log } from '../runtime/log.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { taskState } from './index.ts';
import { artifact, began, called, configured, message, reported, status, turnOf } from './run-for-tests.ts';

const read = async <T extends EventType>(log: Log, type: T): Promise<Event<T>[]> => {
  const seen: Event[] = [];
  const topic = topicOfEvent(type, {} as EventData[T]);
  const tail = await log.tail([topic], (record) => void seen.push(record), { from: 'beginning', types: [type] });
  await tail.caughtUp;
  await tail.close();
  return seen as Event<T>[];
};

/** Waits until so many of a type are in the log. */
const count = async <T extends EventType>(log: Log, type: T, wanted: number): Promise<Event<T>[]> => {
  const end = Date.now() + 10_000;
  for (;;) {
    const seen = await read(log, type);
    if (seen.length >= wanted) return seen;
    if (Date.now() > end) throw new Error(`${seen.length} of ${wanted} ${type}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('a task goes on where another instance left it, from what is in the log alone', async () => {
  const cluster = new MemoryCluster();
  const first = await createMemoryLog(cluster);
  await first.append([configured()]);
  await taskState.start(contextForTests(first));
  await first.append([began({ announced: false }), reported(artifact('a', ['x'])), called()]);
  await count(first, 'TaskSnapshot', 2);
  const [request] = await count(first, 'RequestReceived', 1);
  expect(request?.correlationId).toBe('agent/writer/task/call-1');
  await first.crash();

  const second = await createMemoryLog(cluster);
  const again = await taskState.start(contextForTests(second));
  await second.append([reported(artifact('a', ['y'], { append: true })), reported(status('INPUT_REQUIRED'))]);
  await count(second, 'ResponseCompleted', 1);
  await again.stop();

  const last = await taskState.start(contextForTests(second));
  const question = { message: message('more', 'and?', 'ROLE_USER') };
  await second.append([
    reported(artifact('a', ['x', 'y'])),
    reported(question, { turn: turnOf('second') }),
    reported(status('COMPLETED')),
    reported(status('WORKING')),
  ]);
  const refused = await count(second, 'ReportRefused', 1);
  expect(refused.map(({ data }) => data.reason)).toEqual(['TASK_ENDED']);
  const said = await read(second, 'TaskUpdated');
  expect(said.map(({ data, correlationId }) => [data.sequence, data.requestId, correlationId])).toEqual([
    ...[1, 2, 3, 4].map((sequence) => [sequence, 'request', 'request']),
    ...[5, 6].map((sequence) => [sequence, 'second', 'second']),
  ]);
  expect((await read(second, 'ResponseCompleted')).map(({ correlationId }) => correlationId)).toEqual([
    'request',
    'second',
  ]);
  expect(await read(second, 'EventDeadLettered')).toEqual([]);
  await last.stop();
});
