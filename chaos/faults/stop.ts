import { pick } from '../random.ts';
import type { Fault } from './fault.ts';

export const stop: Fault = {
  name: 'stop',
  description: 'SIGTERM to a mesh process, as in a rolling upgrade',
  side: 'mesh',
  lastsMs: [200, 4_000],
  inject: async ({ mesh }, place) => {
    const struck = pick(mesh, place);
    const stopped = struck.stop('SIGTERM');
    const heal = async () => {
      await stopped;
      await struck.start();
    };
    return { struck: `SIGTERM to ${struck.name}`, heal };
  },
};
