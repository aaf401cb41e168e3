import { Command } from 'commander';
import type { AnyRecorded, Log } from '../services/runtime/log.ts';
import { untilSignalled } from '../services/runtime/signals.ts';
import { withLog } from './connect.ts';
import { readConversation } from './conversation.ts';
import { eventJson } from './event-json.ts';
import { heldBack } from './held-back.ts';
import { progressBar } from './progress.ts';
import { readRedaction, redactedEvent } from './redacted.ts';
import { plain } from './text.ts';
import { inOrder, Timeline, tell } from './timeline.ts';
import { createWholeRequests } from './whole-requests.ts';

type Out = Pick<NodeJS.WritableStream, 'write'>;

const print = (out: Out, lines: readonly string[]) => {
  if (lines.length > 0) out.write(`${lines.join('\n')}\n`);
};

const reading = () => {
  const bar = progressBar();
  return { report: (seen: number, total: number) => bar.report('Reading the log', seen, total), end: bar.end };
};

/** Puts requests together, and takes secrets out: of a body that is whole, so that none is cut in two. */
const readyToShow = async (log: Log) => {
  const rules = await readRedaction(log);
  const whole = createWholeRequests();
  return (events: readonly AnyRecorded[]) => whole.of(events).map((event) => redactedEvent(event, rules));
};

const notFound = (conversation: string) =>
  new Error(
    `there is no conversation ${plain(conversation)} in the log: an answer names its own in x-conversation-id, and the log keeps it for as long as topics/*.yaml say`,
  );

/** Writes a conversation's timeline as it is in the log now. @throws when there is none of that id. */
export const printConversation = async (log: Log, conversation: string, out: Out): Promise<void> => {
  const { report, end } = reading();
  const { events } = await readConversation(log, conversation, report).finally(end);
  if (events.length === 0) throw notFound(conversation);
  const timeline = new Timeline();
  const told = tell((await readyToShow(log))(events), timeline);
  print(out, [`Conversation ${plain(conversation)}`, ...told, ...timeline.summary()]);
};

const printJson = async (log: Log, conversation: string): Promise<void> => {
  const { report, end } = reading();
  const { events } = await readConversation(log, conversation, report).finally(end);
  if (events.length === 0) throw notFound(conversation);
  print(process.stdout, inOrder((await readyToShow(log))(events)).map(eventJson));
};

/** Writes what is there, then what comes, until it is interrupted. */
const follow = async (log: Log, conversation: string, json: boolean): Promise<void> => {
  const timeline = new Timeline();
  const seen = new Set<string>();
  const ready = await readyToShow(log);
  const live = heldBack<AnyRecorded>((held) => {
    const news = inOrder(ready(held)).filter((event) => !seen.has(event.id));
    for (const event of news) seen.add(event.id);
    print(process.stdout, json ? news.map(eventJson) : news.flatMap((event) => timeline.add(event)));
  });
  const { report, end } = reading();
  const { events: read, tail } = await readConversation(log, conversation, report, live.add).finally(end);
  const events = ready(read);
  for (const event of events) seen.add(event.id);
  if (!json) print(process.stdout, [`Conversation ${plain(conversation)}`]);
  print(process.stdout, json ? inOrder(events).map(eventJson) : tell(events, timeline));
  live.live();
  await untilSignalled();
  await tail.close();
};

export const replayCommand = new Command('replay')
  .description('print a conversation: who asked what, what was ruled and why, who served it, what came back and cost')
  .argument('<conversation>', 'its id, as an answer names it in x-conversation-id')
  .option('--json', 'one event per line, with its data decoded; bytes as text, or as {"base64": …}')
  .option('--follow', 'go on with what comes, until Ctrl-C')
  .addHelpText(
    'after',
    `
Times are since the request was made. What an agent asked in the course of a task is indented below the message that the
task came of; a line that goes back to a request begins with its number. Messages are shown, and confidential, but for the
secrets in them: passwords, tokens, keys, and what mesh.yaml names under \`redaction\`. The log has those too.

Example:
  parley replay acme:0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c
  parley replay acme:0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c --json | jq -r .type`,
  )
  .action(
    async (conversation: string, { json = false, follow: goOn = false }: { json?: boolean; follow?: boolean }) => {
      await withLog((log) => {
        if (goOn) return follow(log, conversation, json);
        return json ? printJson(log, conversation) : printConversation(log, conversation, process.stdout);
      });
    },
  );
