import { Task } from '@a2a-js/sdk';
import { Command } from 'commander';
import type { TaskSnapshot } from '../../schemas/generated.ts';
import { readUpdate } from '../../services/runtime/a2a/json.ts';
import type { AnyRecorded, Log } from '../../services/runtime/log.ts';
import { sayArtifact, sayMessage, sayUpdate, wordOfState } from '../a2a-text.ts';
import { withLog } from '../connect.ts';
import { jsonLine } from '../event-json.ts';
import { clock, instant } from '../figures.ts';
import { readRedaction, redactedEvent } from '../redacted.ts';
import { who } from '../step.ts';
import { plain } from '../text.ts';
import { findTask } from './snapshots.ts';
import { readUpdates, taskOf } from './updates.ts';

const heading = ({ taskId, agent, state, contextId, subject, createdAt, parentTaskId, turn }: TaskSnapshot) => [
  `Task ${plain(taskId)} of ${plain(agent)}: ${wordOfState(state)}`,
  `  conversation  ${plain(contextId)}`,
  `  asked by      ${plain(`${who(subject)} (${subject.unit}, ${subject.tenant})`)}`,
  `  begun         ${instant(createdAt)}`,
  ...(parentTaskId ? [`  in task       ${plain(parentTaskId)}`] : []),
  ...(turn ? [`  deadline      ${instant(turn.deadline)}, of the agent's turn`] : []),
];

/** Every update of a task, without secrets. */
const shownUpdates = async (log: Log, snapshot: TaskSnapshot): Promise<AnyRecorded<'TaskUpdated'>[]> => {
  const rules = await readRedaction(log);
  const updates = await readUpdates(log, snapshot);
  return updates.map((update) => redactedEvent(update, rules) as AnyRecorded<'TaskUpdated'>);
};

/** @param task undefined where what was said of it is no longer in the log. */
export const taskText = (snapshot: TaskSnapshot, task: Task | undefined): string[] => [
  ...heading(snapshot),
  ...(task?.history ?? []).map((message) => `  ${sayMessage(message)}`),
  ...(task?.artifacts ?? []).map((artifact) => `  artifact ${sayArtifact(artifact)}`),
];

export const showCommand = new Command('show')
  .description('a task: whose it is, where it stands, what came of it')
  .argument('<task>', 'its id, or the end of it')
  .option('--json', "the task as A2A's JSON")
  .addHelpText('after', '\nExample:\n  parley tasks show 0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c')
  .action(async (id: string, { json }: { json?: boolean }) => {
    await withLog(async (log) => {
      const snapshot = await findTask(log, id);
      const task = taskOf(await shownUpdates(log, snapshot));
      if (!json) console.log(taskText(snapshot, task).join('\n'));
      else if (task) console.log(jsonLine(Task.toJSON(task)));
      else throw new Error(`what was said of task ${snapshot.taskId} is not in the log`);
    });
  });

export const historyCommand = new Command('history')
  .description('every update of a task, as followers were told of it')
  .argument('<task>', 'its id, or the end of it')
  .option('--json', "one of A2A's StreamResponses per line")
  .addHelpText('after', '\nExample:\n  parley tasks history 0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c --json')
  .action(async (id: string, { json }: { json?: boolean }) => {
    await withLog(async (log) => {
      for (const { time, data } of await shownUpdates(log, await findTask(log, id))) {
        if (json) console.log(jsonLine(JSON.parse(data.update.toString())));
        else {
          const { word, text } = sayUpdate(readUpdate(data.update));
          console.log(`${clock(time)}  ${String(data.sequence).padStart(4)}  ${word.padEnd(14)}  ${plain(text, 300)}`);
        }
      }
    });
  });
