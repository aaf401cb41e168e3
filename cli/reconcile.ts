import { createReadStream } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { withLog } from './connect.ts';
import { jsonLine } from './event-json.ts';
import { progressBar } from './progress.ts';
import { type AccessLog, type Format, jsonLines, plainLines, readAccessLog } from './reconcile/access-log.ts';
import { readDispatches } from './reconcile/dispatches.ts';
import { linesOf } from './reconcile/lines.ts';
import { isClean, type Period, reconcile, spanOf } from './reconcile/reconcile.ts';
import { reconciliationText } from './reconcile/report.ts';
import { timeOf } from './reconcile/time.ts';
import { parseAgo } from './since.ts';

/** A call may take long, and be logged by its upstream at its end. */
const LONGEST_CALL_MS = 3_600_000;
const CLOCKS_APART_MS = 2_000;
const HEADER_AS_FIELD = 'x_client_request_id';

interface Options {
  idField: string;
  responseIdField?: string;
  timeField: string;
  pattern?: RegExp;
  since?: number;
  until?: number;
  clocksApart: number;
  target?: string;
  connection?: string;
  json?: boolean;
}

/** Milliseconds since the epoch: an instant, or how long ago. */
const parseInstant = (text: string): number => {
  const at = timeOf(text);
  return Number.isNaN(at) ? Date.now() - parseAgo(text) : at;
};

const parsePattern = (text: string): RegExp => {
  try {
    const pattern = new RegExp(text, 'u');
    if (/\(\?<id>/.test(text)) return pattern;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  throw new InvalidArgumentError('It needs a group named id: (?<id>…).');
};

const formatOf = ({ pattern, idField, responseIdField, timeField }: Options): Format =>
  pattern
    ? plainLines(pattern)
    : jsonLines({
        id: idField,
        responseId: responseIdField === undefined ? ['response_id', 'id'] : [responseIdField],
        time: timeField,
      });

/** @throws Error what is wrong with it, for a person to read. */
const readFile = async (file: string, format: Format): Promise<AccessLog> => {
  const bytes = file === '-' ? process.stdin : createReadStream(file);
  const read = await readAccessLog(linesOf(bytes), format);
  const { calls, bad } = read;
  if (calls.length === 0 && bad.count > 0)
    throw new Error(`no line of it is of that format, the first being line ${bad.first[0]}: --id-field, --pattern`);
  return read;
};

/** @throws Error what is missing, for a person to read. */
const periodOf = ({ calls }: AccessLog, { since, until }: Options): Period => {
  const span = spanOf(calls);
  const period = { since: since ?? span?.since, until: until ?? span?.until ?? Date.now() };
  if (period.since === undefined) throw new Error('no call in it says when it was: --time-field, or --since');
  if (period.since > period.until) throw new Error('--since is after --until');
  return { ...period, since: period.since };
};

export const reconcileCommand = new Command('reconcile')
  .description("compare an upstream's own access log with the mesh's: dark requests, and events without a call")
  .argument('<file>', 'the access log, - for standard input')
  .option('--id-field <name>', 'JSON: where the x-client-request-id is that a call came with', HEADER_AS_FIELD)
  .option('--response-id-field <name>', 'JSON: where the id is that the answer had (default: response_id or id)')
  .option('--time-field <name>', 'JSON: where the time is', 'time')
  .option('--pattern <regexp>', 'plain lines: with the groups id, and time and response where there are', parsePattern)
  .option('--since <instant>', 'the access log is whole from then on (default: its first call)', parseInstant)
  .option('--until <instant>', 'the access log is whole until then (default: its last call)', parseInstant)
  .addOption(
    new Option('--clocks-apart <time>', 'by how much the clocks may differ')
      .argParser(parseAgo)
      .default(CLOCKS_APART_MS, '2s'),
  )
  .option('--target <id>', 'the access log is that of this target, connection/name')
  .option('--connection <id>', 'the access log is that of this connection')
  .option('--json', 'the whole report as one JSON object')
  .addHelpText(
    'after',
    `
With each call to a model's server or to an agent the mesh sends x-client-request-id, the id of the dispatch: have the upstream, or
a proxy before it, write it into its access log. To MCP servers it is not sent. A call without it is looked for by the id of its
answer. Fields may be paths, as in request.headers.x-client-request-id. Instants are ISO 8601 or so long ago, as in
2026-11-21T15:00:00Z and 24h. A pattern must match lines without an id too, or the dark requests are among the lines that it could
not read.

Exits with 0 when every call has its events and every answered dispatch its call, with 1 when not, with 2 when it can't be read.

Example:
  parley reconcile access.jsonl --connection openai --since 24h
  parley reconcile access.log --pattern '\\[(?<time>[^\\]]+)\\] "POST .*" (?<id>\\S+)$'`,
  )
  .action(async (file: string, options: Options, command: Command) => {
    const { connection, target } = options;
    const refuse = (error: Error) => command.error(`parley: ${file}: ${error.message}`, { exitCode: 2 });
    const access = await readFile(file, formatOf(options)).catch(refuse);
    const withResponseIds = access.calls.some(({ responseId }) => responseId !== '');
    let period: Period;
    try {
      period = periodOf(access, options);
    } catch (error) {
      return refuse(error as Error);
    }
    const bar = progressBar();
    const { dispatches, unreadable } = await withLog((log) =>
      readDispatches(log, period.since - options.clocksApart - LONGEST_CALL_MS, withResponseIds, (seen, total) =>
        bar.report('Reading dispatches', seen, total),
      ),
    ).finally(bar.end);
    const found = reconcile(access.calls, dispatches, {
      period,
      clocksApartMs: options.clocksApart,
      // One that could not be read may be anybody's.
      concerns: (of) =>
        of.target === '' ||
        ((target === undefined || of.target === target) && (connection === undefined || of.connection === connection)),
    });
    if (options.json) console.log(jsonLine({ ...found, bad: access.bad, unreadable }));
    else console.log(reconciliationText(found, access.bad, unreadable).join('\n').trimEnd());
    if (!isClean(found)) process.exitCode = 1;
  });
