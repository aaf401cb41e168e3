import { Command, InvalidArgumentError, Option } from 'commander';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { isTerminal, stateOfName } from '../../services/runtime/a2a/states.ts';
import { wordOfState } from '../a2a-text.ts';
import { withLog } from '../connect.ts';
import { jsonLine } from '../event-json.ts';
import { instant, lasting, many } from '../figures.ts';
import { who } from '../step.ts';
import { plain, table } from '../text.ts';
import { readSnapshots } from './snapshots.ts';

const DEFAULT_LIMIT = 50;
const STATES = [
  'submitted',
  'working',
  'input-required',
  'auth-required',
  'completed',
  'failed',
  'canceled',
  'rejected',
];

export interface Wanted {
  agent?: string;
  /** A word of STATES. */
  state?: string;
  conversation?: string;
  /** Only those that have not ended. */
  open?: boolean;
}

const hasEnded = ({ state }: TaskSnapshot): boolean => isTerminal(stateOfName(state));

/** Those that are wanted, newest first. */
export const select = (tasks: readonly TaskSnapshot[], { agent, state, conversation, open }: Wanted): TaskSnapshot[] =>
  tasks
    .filter((t) => agent === undefined || t.agent === agent)
    .filter((t) => state === undefined || wordOfState(t.state) === state)
    .filter((t) => conversation === undefined || t.contextId === conversation)
    .filter((t) => !open || !hasEnded(t))
    .sort((a, b) => b.createdAt - a.createdAt || (a.taskId < b.taskId ? 1 : -1));

/** A row each. @param now milliseconds since the epoch. */
export const taskTable = (tasks: readonly TaskSnapshot[], now: number): string[] =>
  table([
    ['task', 'agent', 'state', 'asked by', 'begun', 'for'],
    ...tasks.map((t) => [
      plain(t.taskId, 40),
      plain(t.agent, 30),
      wordOfState(t.state),
      plain(who(t.subject), 60),
      instant(t.createdAt),
      lasting(Math.max(0, (hasEnded(t) ? t.updatedAt : now) - t.createdAt)),
    ]),
  ]);

const parseLimit = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Say how many, e.g. 50.');
  return Number(text);
};

export const listCommand = new Command('list')
  .description('the tasks of agents, newest first')
  .option('--agent <agent>', 'only of this agent')
  .addOption(new Option('--state <state>', 'only in this state').choices(STATES))
  .option('--conversation <id>', 'only of this conversation')
  .option('--open', 'only those that have not ended')
  .option('--limit <n>', 'at most so many', parseLimit, DEFAULT_LIMIT)
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley tasks list --open --agent planner')
  .action(async ({ limit, json, ...wanted }: Wanted & { limit: number; json?: boolean }) => {
    const all = select(await withLog(readSnapshots), wanted);
    const shown = all.slice(0, limit);
    if (json) for (const { pending: _, ...task } of shown) console.log(jsonLine(task));
    else if (all.length === 0) console.log('There is no such task.');
    else console.log(taskTable(shown, Date.now()).join('\n'));
    if (!json && all.length > shown.length)
      console.log(`… and ${many(all.length - shown.length, 'more task')}: --limit`);
  });
