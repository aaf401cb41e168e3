import { defineConfig } from 'vitest/config';

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
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['integration-tests/**/*.test.ts', '{embedded,agent-sdk}/*.integration.test.ts'],
          globalSetup: 'integration-tests/embedded-cluster.ts',
          // One broker on two cores: files side by side would only wait for each other.
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
