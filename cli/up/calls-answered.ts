import type { Log } from '../../services/runtime/log.ts';
import { madeAt } from '../since.ts';

/** How many calls of a model in a conversation have been answered. */
export const modelCallsAnswered = async (log: Log, contextId: string): Promise<number> => {
  const answered = new Set<string>();
  const tail = await log.tail(
    ['mesh.responses'],
    (record) => {
      if (record.type === 'ResponseCompleted' && record.key === contextId && record.data.action === 'model.chat')
        answered.add(record.correlationId);
    },
    {
      from: { time: madeAt(contextId) ?? 0 },
      partitions: [log.partitionOf(contextId)],
      types: ['ResponseCompleted'],
    },
  );
  await tail.caughtUp;
  await tail.close();
  return answered.size;
};
