import { signalProcess } from '../brokers.ts';
import { pick } from '../random.ts';
import { type Fault, IN_SYNC_MS } from './fault.ts';

const STOPPED_MS = 240;
const RUNNING_MS = 60;

/** Stands in for a slow disk, which nothing here can make: Kafka leaves its writes to the page cache. */
export const slowBroker: Fault = {
  name: 'slow-broker',
  description: 'a broker that runs a fifth of the time, by pulses of SIGSTOP; stands in for a slow disk',
  side: 'ground',
  lastsMs: [5_000, 15_000],
  inject: async ({ brokers, cluster }, place) => {
    const struck = pick(brokers, place);
    let timer: NodeJS.Timeout;
    const stopped = () => {
      signalProcess(struck.pid(), 'SIGSTOP');
      timer = setTimeout(going, STOPPED_MS);
    };
    const going = () => {
      signalProcess(struck.pid(), 'SIGCONT');
      timer = setTimeout(stopped, RUNNING_MS);
    };
    stopped();
    const heal = async () => {
      clearTimeout(timer);
      signalProcess(struck.pid(), 'SIGCONT');
      await cluster.inSync(IN_SYNC_MS);
    };
    return { struck: `${struck.name} runs a fifth of the time`, heal };
  },
};
