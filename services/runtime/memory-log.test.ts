import { logBehaviour } from './log-behaviour.ts';
import { createMemoryLog, MemoryCluster } from './memory-log.ts';

logBehaviour('the memory log', async () => {
  const cluster = new MemoryCluster();
  return { open: () => createMemoryLog(cluster), agents: async () => {} };
});
