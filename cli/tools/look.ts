/** list, pending, show and diff: what is offered, and how it stands. */
import { Command, Option } from 'commander';
import { difference } from '../../services/edge-mcp/catalogue/difference.ts';
import { type Reviewed, reviewHeldBack } from '../../services/edge-mcp/catalogue/review.ts';
import { type Definition, standingOf } from '../../services/runtime/mcp/definitions.ts';
import { withLog } from '../connect.ts';
import { jsonLine } from '../event-json.ts';
import { many } from '../figures.ts';
import {
  checkServer,
  findDefinition,
  type KindWord,
  type Known,
  kinds,
  kindWords,
  offeredIn,
  readKnown,
  wordOf,
} from './known.ts';
import { definitionTable, diffText, nameOf, pendingText, showText } from './text.ts';

export const kindOption = () =>
  new Option('--kind <kind>', 'what it is').choices(kindWords).default('tool' satisfies KindWord);

export const pendingOf = ({ definitions, configuration }: Known, wanted?: (one: Definition) => boolean): Reviewed[] =>
  configuration ? reviewHeldBack(definitions, configuration, wanted) : [];

export const findingsOf = (known: Known, definition: Definition): readonly string[] =>
  pendingOf(known, (one) => one === definition)[0]?.findings ?? definition.observed?.findings ?? [];

const json = (definition: Definition) => {
  const { server, kind, name, observed, reviewed } = definition;
  return {
    server,
    kind: wordOf(kind),
    name,
    standing: standingOf(definition),
    digest: observed?.digest ?? '',
    findings: observed?.findings ?? [],
    reviewed: reviewed && { verdict: reviewed.verdict, by: reviewed.by, note: reviewed.note, digest: reviewed.digest },
  };
};

interface Wanted {
  server?: string;
  kind?: KindWord;
  json?: boolean;
}

export const listCommand = new Command('list')
  .description('what MCP servers offer, and whether it may be used')
  .option('--server <server>', 'only of this server')
  .addOption(new Option('--kind <kind>', 'only of this kind').choices(kindWords))
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley tools list --server files')
  .action(async ({ server, kind, json: asJson }: Wanted) => {
    const known = await withLog(readKnown);
    if (server !== undefined) checkServer(known, server);
    const all = offeredIn(known)
      .filter((one) => server === undefined || one.server === server)
      .filter((one) => kind === undefined || one.kind === kinds[kind]);
    if (asJson) for (const one of all) console.log(jsonLine(json(one)));
    else console.log(all.length === 0 ? 'Nothing is offered.' : definitionTable(all).join('\n'));
  });

export const pendingCommand = new Command('pending')
  .description('what is held back until somebody approves it, and why')
  .option('--server <server>', 'only of this server')
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley tools pending')
  .action(async ({ server, json: asJson }: Wanted) => {
    const known = await withLog(readKnown);
    if (server !== undefined) checkServer(known, server);
    const pending = pendingOf(known, (one) => server === undefined || one.server === server);
    if (asJson)
      for (const { definition, findings, ruling } of pending)
        console.log(jsonLine({ ...json(definition), findings, why: 'holdBack' in ruling ? ruling.holdBack : '' }));
    else if (pending.length === 0) console.log('Nothing is held back.');
    else {
      console.log(pendingText(pending).join('\n'));
      console.log(
        `\n${many(pending.length, 'definition')} held back. Next: parley tools diff <server/name>, then approve or reject; --kind for what is no tool`,
      );
    }
  });

interface Looked {
  kind: KindWord;
  json?: boolean;
}

export const showCommand = new Command('show')
  .description('a definition as its server gives it, what the rules find in it, and who reviewed it')
  .argument('<name>', 'server/name; of a resource server/URI')
  .addOption(kindOption())
  .option('--json', 'the definition alone, as its server gives it')
  .addHelpText('after', '\nExample:\n  parley tools show files/read_file')
  .action(async (name: string, { kind, json: asJson }: Looked) => {
    const known = await withLog(readKnown);
    const definition = findDefinition(known, name, kind);
    const { observed } = definition;
    if (!asJson) console.log(showText(definition, findingsOf(known, definition)).join('\n'));
    else if (observed && observed.digest !== '') console.log(jsonLine(JSON.parse(observed.definition.toString())));
    else throw new Error(`${nameOf(definition)} is gone from its server`);
  });

export const diffCommand = new Command('diff')
  .description('what is different from the definition that was reviewed, and what the rules find in it')
  .argument('<name>', 'server/name; of a resource server/URI')
  .addOption(kindOption())
  .option('--json', 'one JSON object: the changes, each with its JSON pointer, and the findings')
  .addHelpText('after', '\nExample:\n  parley tools diff files/read_file')
  .action(async (name: string, { kind, json: asJson }: Looked) => {
    const known = await withLog(readKnown);
    const definition = findDefinition(known, name, kind);
    const findings = findingsOf(known, definition);
    if (!asJson) return console.log(diffText(definition, findings).join('\n'));
    const { observed, reviewed } = definition;
    const parse = (one: { definition: Buffer } | undefined) =>
      one && one.definition.length > 0 ? JSON.parse(one.definition.toString()) : undefined;
    console.log(jsonLine({ ...json(definition), findings, changes: difference(parse(reviewed), parse(observed)) }));
  });
