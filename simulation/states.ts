/** What processors hold, beside what the log says that they should. */

import type { StateTwice } from '../invariants/evidence.ts';
import type { LoggedRecord } from '../invariants/index.ts';
import type { AuditState } from '../services/audit/audit.ts';
import { Branches } from '../services/audit/branches.ts';
import type { Link } from '../services/audit/chain.ts';
import type { PolicyState } from '../services/policy/policy.ts';
import * as routing from '../services/routing/routing.ts';
import type { Folded } from '../services/runtime/processor.ts';
import * as taskState from '../services/task-state/task-state.ts';
import type { Tasks } from '../services/task-state/tasks.ts';
import type { MeshProcess } from './process.ts';

const versionOf = (state: unknown) => (state as { version: string } | undefined)?.version;

/** What every instance is to agree on: how many calls each has counted is its own. */
const routingOf = ({ configuration, breakers }: routing.RoutingState) => ({
  version: configuration?.version,
  breakers: [...breakers]
    .flatMap(([target, { open, changedAt }]) =>
      changedAt > 0 ? [[target, open?.until ?? null, changedAt] as const] : [],
    )
    .sort(([a], [b]) => (a < b ? -1 : 1)),
});

const followed = new Set(['MeshConfigured', 'BreakerOpened', 'BreakerClosed']);

const placeOf = (link: Link | undefined) => link && [link.sequence, link.hash];

/** As it is compared: in order, and without the classes by which a decoder makes objects. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one) => {
      if (typeof one !== 'object' || one === null || Array.isArray(one)) return one;
      return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
    }),
  );

/** Of calls and reports an instance knows those of the time since it began. */
export const tasksOf = ({ open, ended, children }: Tasks) =>
  plain({
    open: Object.fromEntries(open),
    ended: Object.fromEntries(ended),
    children: Object.fromEntries([...children].map(([parent, own]) => [parent, [...own].sort()])),
  });

/** What task-state holds of its partitions, beside what its records say that are kept. */
const tasksTwice = ({ name, held }: MeshProcess, records: readonly LoggedRecord[]): StateTwice[] => {
  const state = held.get('task-state') as taskState.TaskStateState;
  const rebuilt = records
    .filter(({ type }) => type === 'TaskSnapshot')
    .reduce((all, record) => taskState.evolve(all, record as unknown as Folded), taskState.initialState());
  const nothing = { open: new Map(), ended: new Map(), children: new Map() } as Tasks;
  return [...state.partitions].map(([partition, tasks]) => ({
    what: `the tasks of partition ${partition} of ${name}`,
    held: tasksOf(tasks),
    rebuilt: tasksOf(rebuilt.partitions.get(partition) ?? nothing),
  }));
};

/**
 * @param records in the order of the log.
 * @param isLate whether what an instance that was given up had sent may have landed after another had taken over.
 */
export const statesOf = (
  processes: readonly MeshProcess[],
  records: readonly LoggedRecord[],
  isLate: boolean,
): StateTwice[] => {
  const version = records.findLast((record) => record.type === 'MeshConfigured')?.data as
    | { version: string }
    | undefined;
  const rebuilt = records
    .filter(({ type }) => followed.has(type))
    .reduce((state, record) => routing.evolve(state, record as unknown as Folded), routing.initialState());
  const chains = new Map<number, Branches<Link>>();
  const logged = new Set<string>();
  for (const record of records) {
    if (record.type !== 'AuditEntry') continue;
    const branches = chains.get(record.partition) ?? new Branches<Link>();
    const { sequence, previousHash, hash } = record.data;
    branches.add({ sequence, previousHash, hash });
    chains.set(record.partition, branches);
    logged.add(`${record.partition} ${sequence} ${hash}`);
  }
  /** Of two branches of one length either may be gone on with, and with a shorter one until what landed late is recalled. */
  const headOf = (partition: number, held: Link | undefined) => {
    const head = chains.get(partition)?.head;
    const isAsLong = isLate || held?.sequence === head?.sequence;
    return held && isAsLong && logged.has(`${partition} ${held.sequence} ${held.hash}`) ? held : head;
  };
  const ofTasks = processes.flatMap((process) => tasksTwice(process, records));
  const others = processes.flatMap(({ name, held }) => [
    {
      what: `policy of ${name}`,
      held: (held.get('policy') as PolicyState).configured?.version,
      rebuilt: version?.version,
    },
    { what: `metering of ${name}`, held: versionOf(held.get('metering')), rebuilt: version?.version },
    {
      what: `routing of ${name}`,
      held: routingOf(held.get('routing') as routing.RoutingState),
      rebuilt: routingOf(rebuilt),
    },
    ...[...(held.get('audit') as AuditState)].map(([partition, branches]) => ({
      what: `the audit chain of partition ${partition} of ${name}`,
      held: placeOf(branches.head),
      rebuilt: placeOf(headOf(partition, branches.head)),
    })),
  ]);
  return [...others, ...ofTasks];
};
