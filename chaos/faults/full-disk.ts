import { type Fault, IN_SYNC_MS } from './fault.ts';

export const fullDisk: Fault = {
  name: 'full-disk',
  description: 'the disk of a broker is full, which ends it; then there is room and it is started again',
  side: 'ground',
  lastsMs: [4_000, 12_000],
  inject: async ({ disk, cluster }) => {
    if (!disk) throw new Error('the disk that is to be full was not prepared');
    disk.fill();
    const heal = async () => {
      disk.free();
      await disk.broker.stop('SIGKILL');
      await disk.broker.start();
      await cluster.inSync(IN_SYNC_MS);
    };
    return { struck: `the disk of ${disk.broker.name} is full: ${disk.how}`, heal };
  },
};
