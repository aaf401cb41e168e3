/** The tasks and how far the log was read, in one database: both change in one transaction, or neither. */
import type { DatabaseSync } from 'node:sqlite';
import { Task } from '@a2a-js/sdk';
import { type Cursor, pageTokenOf } from './page.ts';

/** A task and whose it is. Its `task` is never changed, only replaced. */
export interface KnownTask {
  task: Task;
  agent: string;
  tenant: string;
  /** The agent that asked for it. */
  asker: string;
  /** A2A's TaskState. */
  state: string;
  /** Milliseconds since the epoch. */
  created: number;
  /** Time of its status, milliseconds since the epoch. */
  updated: number;
  /** Of the last update that it holds. */
  sequence: number;
}

export interface Position {
  offset: number;
  /** Id of the event there. */
  event: string;
}

export interface TaskQuery {
  tenant: string;
  asker: string;
  agent: string;
  contextId?: string | undefined;
  state?: string | undefined;
  /** Only with a status after this, milliseconds since the epoch. */
  after?: number | undefined;
  cursor?: Cursor | undefined;
  pageSize: number;
}

export interface TaskPage {
  /** Newest status first. */
  tasks: Task[];
  /** Empty where there is no more. */
  nextPageToken: string;
  /** Of all pages. */
  totalSize: number;
}

interface Row extends Omit<KnownTask, 'task'> {
  id: string;
  context: string;
  task: string;
}

const knownOf = ({ agent, tenant, asker, state, created, updated, sequence }: Row, task: Task): KnownTask => ({
  task,
  agent,
  tenant,
  asker,
  state,
  created,
  updated,
  sequence,
});

const filterOf = ({ tenant, asker, agent, contextId, state, after }: TaskQuery) => {
  const conditions: [string, string | number | undefined][] = [
    ['tenant = ?', tenant],
    ['asker = ?', asker],
    ['agent = ?', agent],
    ['context = ?', contextId],
    // A conversation has few tasks, and a state many: with the plus the index by state is not taken.
    [contextId === undefined ? 'state = ?' : '+state = ?', state],
    ['updated >= ?', after],
  ];
  const given = conditions.filter(([, value]) => value !== undefined) as [string, string | number][];
  const isCounted = contextId === undefined && after === undefined;
  return {
    where: given.map(([condition]) => condition).join(' AND '),
    values: given.map(([, value]) => value),
    total: isCounted ? 'coalesce(sum(tasks), 0) AS n FROM counts' : 'count(*) AS n FROM tasks',
  };
};

/** @param unwritable told of a task whose contents cannot be written. */
export const createTasks = (database: DatabaseSync, unwritable: (id: string, error: unknown) => void) => {
  const statements = {
    get: database.prepare('SELECT * FROM tasks JOIN bodies USING (id) WHERE id = ?'),
    put: database.prepare(
      `INSERT INTO tasks (id, context, agent, tenant, asker, state, created, updated, sequence)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
       state = excluded.state, updated = excluded.updated, sequence = excluded.sequence`,
    ),
    body: database.prepare('INSERT OR REPLACE INTO bodies (task, id) VALUES (?, ?)'),
    position: database.prepare('INSERT OR REPLACE INTO positions (part, "offset", event) VALUES (?, ?, ?)'),
    followed: database.prepare('INSERT OR REPLACE INTO followed (one, "at") VALUES (1, ?)'),
  };
  /** Changed since the last commit, and in the round before: a task that is being streamed is written once a round. */
  let changed = new Map<string, KnownTask>();
  let before = new Map<string, KnownTask>();
  const moved = new Map<number, Position>();
  let open = false;

  const begin = () => {
    if (!open) database.exec('BEGIN');
    open = true;
  };

  const get = (id: string): KnownTask | undefined => {
    const warm = changed.get(id) ?? before.get(id);
    if (warm) return warm;
    const row = statements.get.get(id) as Row | undefined;
    return row && knownOf(row, Task.fromJSON(JSON.parse(row.task)));
  };

  return {
    get,
    put: (known: KnownTask): void => {
      begin();
      const { task, agent, tenant, asker, state, created, updated, sequence } = known;
      statements.put.run(task.id, task.contextId, agent, tenant, asker, state, created, updated, sequence);
      changed.set(task.id, known);
    },
    move: (partition: number, position: Position): void => {
      begin();
      moved.set(partition, position);
    },
    /** @param followedAt up to when the log is known to have been read; undefined: not said. */
    commit: (followedAt: number | undefined): void => {
      if (!open) return;
      for (const [id, { task }] of changed)
        try {
          statements.body.run(JSON.stringify(Task.toJSON(task)), id);
        } catch (error) {
          // A task larger than a string can be: it stays as it was last written.
          unwritable(id, error);
        }
      for (const [partition, { offset, event }] of moved) statements.position.run(partition, offset, event);
      if (followedAt !== undefined) statements.followed.run(followedAt);
      database.exec('COMMIT');
      open = false;
      moved.clear();
      before = changed;
      changed = new Map();
    },
    positions: (): Map<number, Position> => {
      const rows = database.prepare('SELECT * FROM positions').all() as unknown as ({ part: number } & Position)[];
      return new Map(rows.map(({ part, offset, event }) => [part, { offset, event }]));
    },
    followedAt: (): number | undefined =>
      (database.prepare('SELECT "at" FROM followed').get() as { at: number } | undefined)?.at,
    list: (query: TaskQuery): TaskPage => {
      const { where, values, total } = filterOf(query);
      const { cursor, pageSize } = query;
      const count = database.prepare(`SELECT ${total} WHERE ${where}`).get(...values) as { n: number };
      const found = database
        .prepare(
          `SELECT id, updated FROM tasks WHERE ${where} ${cursor ? 'AND (updated, id) < (?, ?)' : ''}
           ORDER BY updated DESC, id DESC LIMIT ?`,
        )
        .all(...values, ...(cursor ? [cursor.updated, cursor.id] : []), pageSize + 1) as unknown as Cursor[];
      const page = found.slice(0, pageSize);
      return {
        tasks: page.map(({ id }) => get(id)!.task),
        nextPageToken: found.length > pageSize ? pageTokenOf(page.at(-1)!) : '',
        totalSize: count.n,
      };
    },
  };
};

export type Tasks = ReturnType<typeof createTasks>;
