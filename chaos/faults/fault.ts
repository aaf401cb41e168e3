import type { Broker, Restartable } from '../brokers.ts';
import type { Cluster } from '../cluster.ts';
import type { Disk } from '../disk.ts';
import type { MeshProcess } from '../mesh-processes.ts';
import type { Plannable } from '../schedule.ts';

/** All that can be struck. */
export interface World {
  brokers: readonly Broker[];
  registry: Restartable;
  mesh: readonly MeshProcess[];
  cluster: Cluster;
  /** Where the fault that needs it is among those chosen. */
  disk: Disk | undefined;
}

export interface Injected {
  /** What was struck and how, for a person to read. */
  struck: string;
  /** Ends it; resolves once what was struck serves again. Throws when it does not. */
  heal(): Promise<void>;
}

export interface Fault extends Plannable {
  /** For --help. */
  description: string;
  /** @param place in [0, 1): which of those that can be struck. */
  inject(world: World, place: number): Promise<Injected>;
}

/** How long a broker may take to catch up, milliseconds. */
export const IN_SYNC_MS = 120_000;
