import type { Fault } from './fault.ts';

export const registry: Fault = {
  name: 'registry',
  description: 'kill -9 of the schema registry',
  side: 'mesh',
  lastsMs: [1_000, 10_000],
  inject: async ({ registry: struck }) => {
    await struck.stop('SIGKILL');
    return { struck: 'kill -9 of the registry', heal: () => struck.start() };
  },
};
