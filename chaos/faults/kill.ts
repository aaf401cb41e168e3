import { pick } from '../random.ts';
import type { Fault } from './fault.ts';

export const kill: Fault = {
  name: 'kill',
  description: 'kill -9 of a mesh process',
  side: 'mesh',
  lastsMs: [200, 8_000],
  inject: async ({ mesh }, place) => {
    const struck = pick(mesh, place);
    await struck.stop('SIGKILL');
    return { struck: `kill -9 of ${struck.name}`, heal: () => struck.start() };
  },
};
