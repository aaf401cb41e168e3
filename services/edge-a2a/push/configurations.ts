import type { Logger } from 'pino';
import type * as mesh from '../../../schemas/generated.ts';
import type { Log } from '../../runtime/log.ts';

/** Who wants to be told of which tasks, kept current. */
export interface PushConfigurations {
  of(taskId: string): readonly mesh.PushConfigurationSet[];
  /** Whether it is still wanted, as it is here. */
  has(configuration: mesh.PushConfigurationSet): boolean;
  close(): Promise<void>;
}

/** Resolves once what is in the log is known. */
export const followPushConfigurations = async (log: Log, logger: Logger): Promise<PushConfigurations> => {
  const byTask = new Map<string, Map<string, mesh.PushConfigurationSet>>();
  const tail = await log.tail(
    ['mesh.push-configurations'],
    (record) => {
      try {
        if (record.type === 'PushConfigurationSet') {
          const { taskId, configurationId } = record.data;
          const known = byTask.get(taskId) ?? new Map();
          byTask.set(taskId, known.set(configurationId, record.data));
        } else if (record.type === 'PushConfigurationDeleted') {
          const { taskId, configurationId } = record.data;
          byTask.get(taskId)?.delete(configurationId);
          if (byTask.get(taskId)?.size === 0) byTask.delete(taskId);
        }
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'a configuration was passed over');
      }
    },
    { from: 'beginning', types: ['PushConfigurationSet', 'PushConfigurationDeleted'] },
  );
  await tail.caughtUp;
  return {
    of: (taskId) => [...(byTask.get(taskId)?.values() ?? [])],
    has: (configuration) => byTask.get(configuration.taskId)?.get(configuration.configurationId) === configuration,
    close: () => tail.close(),
  };
};
