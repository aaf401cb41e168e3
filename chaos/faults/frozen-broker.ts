import { signalProcess } from '../brokers.ts';
import { pick } from '../random.ts';
import { type Fault, IN_SYNC_MS } from './fault.ts';

export const frozenBroker: Fault = {
  name: 'frozen-broker',
  description: 'SIGSTOP of a broker, for less and for longer than the cluster takes to count it out',
  side: 'ground',
  lastsMs: [1_000, 15_000],
  inject: async ({ brokers, cluster }, place) => {
    const struck = pick(brokers, place);
    signalProcess(struck.pid(), 'SIGSTOP');
    const heal = async () => {
      signalProcess(struck.pid(), 'SIGCONT');
      await cluster.inSync(IN_SYNC_MS);
    };
    return { struck: `SIGSTOP of ${struck.name}`, heal };
  },
};
