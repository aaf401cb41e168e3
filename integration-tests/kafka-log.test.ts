import { applyAgentTopics } from '../services/runtime/governance/index.ts';
import { logBehaviour } from '../services/runtime/log-behaviour.ts';
import { freshCluster, openLog } from './cluster.ts';

logBehaviour('the Kafka log', async () => {
  const cluster = await freshCluster();
  return {
    open: () => openLog(cluster),
    agents: async (agents) => {
      await applyAgentTopics(cluster, agents);
    },
  };
});
