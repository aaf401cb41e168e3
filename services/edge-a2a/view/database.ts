import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';

/** Another one, and what is on disk is built again from the log. */
const SCHEMA_VERSION = 2;
const FILE = 'tasks.sqlite';

const TABLES = `
  CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    context TEXT NOT NULL,
    agent TEXT NOT NULL,
    tenant TEXT NOT NULL,
    asker TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    sequence INTEGER NOT NULL
  );
  -- Apart: a row is written whole whenever a part of it changes.
  CREATE TABLE bodies (id TEXT PRIMARY KEY, task TEXT NOT NULL);
  CREATE INDEX tasks_of_asker ON tasks (tenant, asker, agent, updated DESC, id DESC);
  CREATE INDEX tasks_of_state ON tasks (tenant, asker, agent, state, updated DESC, id DESC);
  CREATE INDEX tasks_of_context ON tasks (context, tenant, asker, agent, updated DESC, id DESC);
  -- A page tells how many tasks there are on all: counted for each page, they would hold up the process for as long as they are many.
  CREATE TABLE counts (
    tenant TEXT, asker TEXT, agent TEXT, state TEXT, tasks INTEGER NOT NULL,
    PRIMARY KEY (tenant, asker, agent, state)
  ) WITHOUT ROWID;
  CREATE TRIGGER counted AFTER INSERT ON tasks BEGIN
    INSERT INTO counts VALUES (NEW.tenant, NEW.asker, NEW.agent, NEW.state, 1)
      ON CONFLICT DO UPDATE SET tasks = tasks + 1;
  END;
  CREATE TRIGGER counted_again AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state BEGIN
    UPDATE counts SET tasks = tasks - 1
      WHERE tenant = OLD.tenant AND asker = OLD.asker AND agent = OLD.agent AND state = OLD.state;
    INSERT INTO counts VALUES (NEW.tenant, NEW.asker, NEW.agent, NEW.state, 1)
      ON CONFLICT DO UPDATE SET tasks = tasks + 1;
  END;
  CREATE TABLE positions (part INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, event TEXT NOT NULL);
  CREATE TABLE followed (one INTEGER PRIMARY KEY CHECK (one = 1), "at" INTEGER NOT NULL);
`;

const versionOf = (database: DatabaseSync) =>
  Number((database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version);

/** A database of the schema. @throws where another process has it, or the file is none. */
const open = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  try {
    // Held for as long as the process lives: two that fold the same log into one file would overtake each other.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    if (versionOf(database) !== SCHEMA_VERSION) empty(database);
    database.exec('BEGIN EXCLUSIVE; COMMIT');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
};

/** Takes everything out, so that the log can be read into it again. */
export const empty = (database: DatabaseSync): void => {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as { name: string }[];
  database.exec(
    `BEGIN; ${tables.map(({ name }) => `DROP TABLE "${name}";`).join(' ')} ${TABLES}
     PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`,
  );
};

const isLocked = (error: unknown) => error instanceof Error && /locked|busy/.test(error.message);

/**
 * Opens the file in `dataDir`, makes it anew where it cannot be read, and keeps to memory where another process has it.
 * @param dataDir undefined: in memory.
 */
export const openDatabase = (dataDir: string | undefined, logger: Logger): DatabaseSync => {
  if (dataDir === undefined) return open(':memory:');
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, FILE);
  try {
    return open(path);
  } catch (error) {
    if (isLocked(error)) {
      logger.warn({ path }, 'another process has the view of tasks: this one keeps its own in memory');
      return open(':memory:');
    }
    logger.warn({ err: error, path }, 'the view of tasks cannot be read: it is built again from the log');
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return open(path);
  }
};
