/** What many tasks in the log cost: until the edge and task-state are ready, to list and to get them, and memory. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { pageTokenOf } from '../../services/edge-a2a/view/page.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { newTraceparent } from '../../services/runtime/tracing.ts';
import { KEY } from '../call.ts';
import { runLoad } from '../children.ts';
import { conditions } from '../conditions.ts';
import { read } from '../gauges.ts';
import { type Mesh, prepareMesh, withLog } from '../scale/cluster.ts';
import { commitEndsOf, recordsOf } from '../scale/groups.ts';
import { startServices } from '../scale/service-process.ts';
import type { Distribution } from '../statistics.ts';
import type { A2aCall } from './calls.ts';
import { fillTasks } from './fill-tasks.ts';
import { FEW_KEY, writeMeshFile } from './mesh-file.ts';
import { type Served, type Site, withServices } from './site.ts';
import { type FilledTask, saidOf, turnOf } from './tasks.ts';

const AGENT = 'filled';
/** Services read back what they stated in the minute before: a log that is being filled would be all of that. */
const SETTLED_MS = 70_000;
/** The view reads so much of the log again as its edge may have missed by a clock that is wrong. */
const OVERLAP_MS = 15 * 60_000;
const ANSWERED_WITHIN_MS = 600_000;
const PAGE = 50;

export interface Start {
  readyMs: number;
  rssBytes: number;
}

export interface Query {
  name: string;
  /** Microseconds. */
  us: Distribution;
  calls: number;
}

export interface TasksInLog {
  tasks: number;
  load: number;
  fill: { tasks: number; ms: number };
  records: number;
  viewBytes: number;
  edge: {
    /** No view file. */
    rebuilt: Start;
    /** At once after that: the last 15 minutes of the log, which is all of it here, are read again and passed by. */
    atOnce: Start;
    /** With what was said in the last 15 minutes being nothing. */
    later: Start;
    /** After all queries. */
    rssBytes: number;
  };
  /** Until it has answered a report; twice. */
  taskState: { answeredMs: number; rssBytes: number }[];
  queries: Query[];
  faults: string[];
}

export interface TasksPlan {
  tasks: readonly number[];
  durationMs: number;
  settle: boolean;
}

const bytesIn = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);

const edgeOn = (mesh: Mesh, dataDir: string, site: Site, use: (served: Served) => Promise<void>): Promise<Start> =>
  withServices(
    { ...mesh, environment: { ...mesh.environment, PARLEY_DATA_DIR: dataDir } },
    ['edge-a2a'],
    site,
    async (served) => {
      const { rssBytes } = read(served.pids).parley;
      await use(served);
      return { readyMs: served.readyMs, rssBytes };
    },
  );

/** As if the edge had been stopped after the log had been silent for so long. */
const putForward = (dataDir: string): void => {
  const database = new DatabaseSync(join(dataDir, 'tasks.sqlite'));
  database.prepare('UPDATE followed SET "at" = ?').run(Date.now() + OVERLAP_MS);
  database.close();
};

/** A report with which a task begins. */
const report = (): Event<'TaskReported'> => {
  const time = Date.now();
  const [taskId, contextId, requestId] = [newId(time), newId(time), newId(time)];
  const traceparent = newTraceparent();
  const task: FilledTask = {
    taskId,
    contextId,
    requestId,
    asker: 'load',
    agent: AGENT,
    waits: false,
    time,
    traceparent,
  };
  return {
    id: newId(time),
    type: 'TaskReported',
    source: 'edge-agents',
    key: contextId,
    time,
    correlationId: requestId,
    causationId: '',
    traceparent,
    data: {
      taskId,
      agent: AGENT,
      update: Buffer.from(JSON.stringify(saidOf(task).first)),
      turn: turnOf(task),
      parentTaskId: '',
      remote: null,
      announced: true,
    },
  };
};

/** From the process spawned until it has said what came of a report that was waiting for it. */
const taskStateAnswers = (mesh: Mesh, { cluster, signal }: Site): Promise<TasksInLog['taskState'][number]> =>
  withLog(mesh, async (log) => {
    const waiting = report();
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const tail = await log.tail(
      ['mesh.task-updates'],
      (record) => {
        if (record.causationId === waiting.id) resolve();
      },
      { from: 'end', types: ['TaskUpdated'] },
    );
    await log.append([waiting]);
    const began = performance.now();
    const service = await startServices(mesh, ['task-state'], join(cluster.directory, 'services.log'), signal);
    try {
      await service.ready();
      await Promise.race([
        answered,
        sleep(ANSWERED_WITHIN_MS, undefined, { signal, ref: false }).then(() =>
          Promise.reject(new Error('task-state said nothing')),
        ),
      ]);
      const answeredMs = performance.now() - began;
      const pids = { parley: service.pid, broker: cluster.kafka.pid, registry: cluster.registry.pid };
      return { answeredMs, rssBytes: read(pids).parley.rssBytes };
    } finally {
      await service.stop();
      await tail.close();
    }
  });

const asked = (
  samples: readonly { taskId: string; contextId: string; updated: number }[],
  few: number,
  total: number,
) => {
  const middle = samples[samples.length >> 1]!;
  const page = (tasks: number, more: object = {}) => ({
    method: 'ListTasks' as const,
    params: { pageSize: PAGE, ...more },
    tasks: Math.min(PAGE, tasks),
  });
  return [
    ['GetTask', KEY, { method: 'GetTask', ids: samples.map(({ taskId }) => taskId) }],
    ['ListTasks, first page', KEY, page(total)],
    [
      'ListTasks, page from the middle',
      KEY,
      page(total / 4, { pageToken: pageTokenOf({ updated: middle.updated, id: middle.taskId }) }),
    ],
    ['ListTasks, those that wait for an answer (1 %)', KEY, page(total / 100, { status: 'TASK_STATE_INPUT_REQUIRED' })],
    ['ListTasks, of one conversation', KEY, page(1, { contextId: middle.contextId })],
    ['ListTasks, first page, of who asked for 0.1 %', FEW_KEY, page(few)],
  ] satisfies [string, string, A2aCall][];
};

/** @param sizes ascending; each is added to the one before */
export const measureTasks = async (
  { tasks: sizes, durationMs, settle }: TasksPlan,
  site: Site,
): Promise<TasksInLog[]> => {
  const { cluster, say, signal } = site;
  say('topics and schemas');
  const mesh = await prepareMesh(cluster, 'tasks.', '', writeMeshFile(cluster.directory, { [AGENT]: { log: true } }));
  const dataDir = join(cluster.directory, 'views');
  const measured: TasksInLog[] = [];
  let before = 0;
  let few = 0;
  for (const tasks of sizes.toSorted((a, b) => a - b)) {
    const step = (what: string) => say(`${tasks} tasks: ${what}`);
    const filled = await fillTasks(mesh, AGENT, before, tasks, (done) => step(`${done} in the log`), signal);
    few += filled.few;
    const filledAt = performance.now();
    // All else that is consumed here is empty.
    await commitEndsOf(mesh, 'edge-a2a-push', ['mesh.task-updates']);
    if (settle) {
      step('waiting until the log is older than what services read back');
      await sleep(Math.max(0, filledAt + SETTLED_MS - performance.now()), undefined, { signal });
    }
    const load = conditions().load;
    rmSync(dataDir, { recursive: true, force: true });
    const nothing = async () => {};
    step('the edge without its view');
    const rebuilt = await edgeOn(mesh, dataDir, site, nothing);
    step('the edge with its view, at once');
    const atOnce = await edgeOn(mesh, dataDir, site, nothing);
    putForward(dataDir);
    const queries: Query[] = [];
    const faults: string[] = [];
    let rssBytes = 0;
    step('the edge with its view, later');
    const later = await edgeOn(mesh, dataDir, site, async ({ urlOf, pids }) => {
      for (const [name, key, a2a] of asked(filled.samples, few, tasks)) {
        step(name);
        const timing = { warmUpMs: Math.min(500, durationMs), durationMs };
        const {
          callUs,
          measured: calls,
          firstFault,
        } = await runLoad({ url: urlOf(AGENT), key, stream: false, a2a, inFlight: 1, ...timing }, signal);
        queries.push({ name, us: callUs, calls });
        if (firstFault) faults.push(`${name}: ${firstFault}`);
      }
      rssBytes = read(pids).parley.rssBytes;
    });
    const taskState: TasksInLog['taskState'] = [];
    for (let round = 0; round < 2; round += 1) {
      step('task-state');
      taskState.push(await taskStateAnswers(mesh, site));
    }
    measured.push({
      tasks,
      load,
      fill: { tasks: tasks - before, ms: filled.ms },
      records: await recordsOf(mesh, ['mesh.task-updates', 'mesh.tasks']),
      viewBytes: bytesIn(dataDir),
      edge: { rebuilt, atOnce, later, rssBytes },
      taskState,
      queries,
      faults,
    });
    before = tasks;
  }
  return measured;
};
