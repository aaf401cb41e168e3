/** What processes use, from /proc: Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in these wherever Node runs. */
const TICK_US = 10_000;
const PAGE_BYTES = 4096;

interface Row {
  pid: number;
  parent: number;
  /** Of itself and of the children that it has waited for. */
  ticks: number;
  pages: number;
}

const numbersIn = (directory: string) => readdirSync(directory).filter((name) => /^\d+$/.test(name));

/** One line of /proc/<pid>/stat, by the numbers of proc(5): ppid 4, utime 14, stime 15, cutime 16, cstime 17, rss 24. */
export const parseStat = (pid: number, line: string): Row => {
  // After the name, which may hold spaces and brackets, comes field 3.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17), pages: field(24) };
};

const processes = (): Map<number, Row> => {
  const rows = new Map<number, Row>();
  for (const name of numbersIn('/proc')) {
    try {
      rows.set(Number(name), parseStat(Number(name), readFileSync(`/proc/${name}/stat`, 'utf8')));
    } catch {
      // Ended between the listing and the look.
    }
  }
  return rows;
};

/** A process and its descendants, without those of `except` and theirs. */
export const treeOf = (rows: ReadonlyMap<number, Row>, root: number, except: readonly number[] = []): Row[] => {
  const row = rows.get(root);
  if (!row || except.includes(root)) return [];
  const children = [...rows.values()].filter(({ parent }) => parent === root);
  return [row, ...children.flatMap(({ pid }) => treeOf(rows, pid, except))];
};

const handles = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
};

export interface Use {
  /** User and system time so far, microseconds, in steps of 10,000. */
  cpuUs: number;
  rssBytes: number;
  /** Open files and sockets. */
  handles: number;
}

export interface Group {
  root: number;
  except?: readonly number[];
}

/** @throws on another system than Linux. */
export const useOf = <Name extends string>(groups: Record<Name, Group>): Record<Name, Use> => {
  if (process.platform !== 'linux') throw new Error('CPU and memory are read from /proc: bench runs on Linux only');
  const rows = processes();
  const use = ({ root, except }: Group): Use => {
    const tree = treeOf(rows, root, except);
    return {
      cpuUs: tree.reduce((sum, { ticks }) => sum + ticks, 0) * TICK_US,
      rssBytes: tree.reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES,
      handles: tree.reduce((sum, { pid }) => sum + handles(pid), 0),
    };
  };
  return Object.fromEntries(Object.entries<Group>(groups).map(([name, group]) => [name, use(group)])) as Record<
    Name,
    Use
  >;
};

/** CPU time that all processes of the machine have used, microseconds; waiting is not using. */
export const machineCpuUs = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq) * TICK_US;
};
