import { killBroker } from './broker.ts';
import type { Fault } from './fault.ts';

export const leader: Fault = {
  name: 'leader',
  description: 'kill -9 of the broker that leads a busy partition',
  side: 'ground',
  lastsMs: [500, 10_000],
  inject: async (world, place) => {
    const { nodeId, topic, partition } = await world.cluster.leaderOfBusyPartition(place);
    const struck = world.brokers.find((one) => one.nodeId === nodeId) ?? world.brokers[0]!;
    return killBroker(world, struck, `, leader of ${topic} ${partition}`);
  },
};
