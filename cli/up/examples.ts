import { startModelServer } from '../../examples/model-server.ts';

// The same port each time, where it is free, so that a second start is no change of the configuration.
const PORT = 4010;

/**
 * The example's model server, unless EXAMPLE_MODEL_URL names another.
 * @returns the environment with EXAMPLE_MODEL_URL set, and how to stop what was started.
 */
export const withExampleModel = async (
  env: NodeJS.ProcessEnv,
): Promise<{ env: NodeJS.ProcessEnv; close(): Promise<void> }> => {
  if (env.EXAMPLE_MODEL_URL) return { env, close: async () => {} };
  const server = await startModelServer({ host: '127.0.0.1', port: PORT }).catch(() =>
    startModelServer({ host: '127.0.0.1', port: 0 }),
  );
  return { env: { ...env, EXAMPLE_MODEL_URL: `${server.url}/v1` }, close: () => server.close() };
};
