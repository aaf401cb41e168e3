/** What anybody may know of the tasks of a simulated mesh: where each stands, by its last record. */
import type * as mesh from '../schemas/generated.ts';
import type { Cluster } from './cluster.ts';
import type { Random } from './random.ts';

export interface KnownTask {
  taskId: string;
  contextId: string;
}

export interface KnownTasks {
  all(): mesh.TaskSnapshot[];
  /** One of them. */
  any(random: Random): KnownTask | undefined;
}

/** @param changed told of each record. */
export const followTasks = (cluster: Cluster, changed: (task: mesh.TaskSnapshot) => void): KnownTasks => {
  const tasks = new Map<string, mesh.TaskSnapshot>();
  cluster.watch((topic, partition) => {
    if (topic !== 'mesh.tasks') return;
    const record = cluster.read(cluster.records(topic, partition).at(-1)!);
    const data = record.data as mesh.TaskSnapshot;
    tasks.set(data.taskId, data);
    changed(data);
  });
  return {
    all: () => [...tasks.values()],
    any: (random) => {
      if (tasks.size === 0) return undefined;
      const { taskId, contextId } = random.pick([...tasks.values()]);
      return { taskId, contextId };
    },
  };
};
