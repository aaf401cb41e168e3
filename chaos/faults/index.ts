import { broker } from './broker.ts';
import { clock } from './clock.ts';
import type { Fault } from './fault.ts';
import { freeze } from './freeze.ts';
import { frozenBroker } from './frozen-broker.ts';
import { fullDisk } from './full-disk.ts';
import { kill } from './kill.ts';
import { leader } from './leader.ts';
import { registry } from './registry.ts';
import { slowBroker } from './slow-broker.ts';
import { stop } from './stop.ts';

export type { Fault, World } from './fault.ts';

export const faults: readonly Fault[] = [
  kill,
  stop,
  freeze,
  clock,
  registry,
  broker,
  leader,
  frozenBroker,
  slowBroker,
  fullDisk,
];
