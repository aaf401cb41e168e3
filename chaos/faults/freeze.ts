import { signalProcess } from '../brokers.ts';
import { pick } from '../random.ts';
import type { Fault } from './fault.ts';

export const freeze: Fault = {
  name: 'freeze',
  description: 'SIGSTOP of a mesh process for longer than its session time-out of 10 s, then SIGCONT',
  side: 'mesh',
  lastsMs: [11_000, 20_000],
  inject: async ({ mesh }, place) => {
    const struck = pick(mesh, place);
    signalProcess(struck.pid(), 'SIGSTOP');
    const heal = async () => {
      signalProcess(struck.pid(), 'SIGCONT');
      await struck.start();
    };
    return { struck: `SIGSTOP of ${struck.name}`, heal };
  },
};
