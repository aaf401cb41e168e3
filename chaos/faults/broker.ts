import type { Broker } from '../brokers.ts';
import { pick } from '../random.ts';
import { type Fault, IN_SYNC_MS, type Injected, type World } from './fault.ts';

/** kill -9 of a broker; it is healed when it has caught up. */
export const killBroker = async ({ cluster }: World, struck: Broker, why = ''): Promise<Injected> => {
  await struck.stop('SIGKILL');
  const heal = async () => {
    await struck.start();
    await cluster.inSync(IN_SYNC_MS);
  };
  return { struck: `kill -9 of ${struck.name}${why}`, heal };
};

export const broker: Fault = {
  name: 'broker',
  description: 'kill -9 of a broker',
  side: 'ground',
  lastsMs: [500, 10_000],
  inject: (world, place) => killBroker(world, pick(world.brokers, place)),
};
