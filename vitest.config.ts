import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** One more than there are cores, as files wait for a part of their time. Vitest by itself leaves a core idle. */
const maxWorkers = availableParallelism() + 1;
const MOST_ON_ONE_BROKER = 4;
const CONFORMANCE = 'integration-tests/*conformance.test.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{schemas,topics,services,cli,scripts,examples,embedded,bench,invariants,simulation,chaos,fuzz,conformance,agent-sdk}/**/*.test.ts',
          ],
          exclude: ['**/*.integration.test.ts'],
          // A module's state is still each file's own, and a thread starts sooner than a process.
          pool: 'threads',
          maxWorkers,
          // Tests wait for conditions: this only says when to give up, with all cores in use by other files.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['integration-tests/**/*.test.ts', '{embedded,agent-sdk}/*.integration.test.ts'],
          exclude: [CONFORMANCE],
          globalSetup: 'integration-tests/embedded-cluster.ts',
          // All on one broker: what is said of its topics, groups and schemas is said of a file's own prefix only.
          maxWorkers: Math.min(maxWorkers, MOST_ON_ONE_BROKER),
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'conformance',
          include: [CONFORMANCE],
          globalSetup: 'integration-tests/embedded-cluster.ts',
          // The suites give a scenario 30 s, which is too little beside other files on a busy machine.
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
