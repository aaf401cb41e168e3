import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startModelServer } from '../../examples/model-server.ts';

// The same port each time, where it is free, so that a second start is no change of the configuration.
const PORT = 4010;

/**
 * What examples/mesh.yaml refers to: its model server, unless EXAMPLE_MODEL_URL names another, and EXAMPLE_DIR, where its MCP
 * servers keep what they keep.
 * @param data where the mesh keeps its data.
 * @returns the environment with both set, and how to stop what was started.
 */
export const withExamples = async (
  given: NodeJS.ProcessEnv,
  data: string,
): Promise<{ env: NodeJS.ProcessEnv; close(): Promise<void> }> => {
  const dir = given.EXAMPLE_DIR ?? join(data, 'examples');
  mkdirSync(dir, { recursive: true });
  const env: NodeJS.ProcessEnv = { ...given, EXAMPLE_DIR: dir };
  if (env.EXAMPLE_MODEL_URL) return { env, close: async () => {} };
  const server = await startModelServer({ host: '127.0.0.1', port: PORT }).catch(() =>
    startModelServer({ host: '127.0.0.1', port: 0 }),
  );
  return { env: { ...env, EXAMPLE_MODEL_URL: `${server.url}/v1` }, close: () => server.close() };
};
