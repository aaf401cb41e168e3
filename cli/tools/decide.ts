/** approve and reject: somebody's word on definitions. */
import { Command } from 'commander';
import type * as mesh from '../../schemas/generated.ts';
import { verdictOn } from '../../services/edge-mcp/catalogue/review.ts';
import { MESH } from '../../services/edge-mcp/catalogue/ruling.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { type Definition, keyOf, standingOf } from '../../services/runtime/mcp/definitions.ts';
import { withLog } from '../connect.ts';
import { userOfMachine } from '../person.ts';
import { findDefinition, type KindWord, type Known, offeredIn, readKnown } from './known.ts';
import { kindOption } from './look.ts';
import { nameOf } from './text.ts';

type Verdict = Exclude<mesh.Verdict, 'UNSPECIFIED'>;

export interface Decision {
  kind: KindWord;
  /** The name is a server's: all of it that is held back. */
  all?: boolean;
  note?: string;
  by?: string;
  /** The beginning of the digest that was looked at. */
  digest?: string;
}

const SHORTEST = 8;

/** What is meant. @throws Error that says what to do, where nothing can be said of it. */
export const decidedOn = (
  known: Known,
  name: string,
  verdict: Verdict,
  { kind, all, digest }: Decision,
): Definition[] => {
  if (all) {
    if (digest !== undefined) throw new Error('--digest is of one definition: leave out --all');
    const held = offeredIn(known).filter((one) => one.server === name && standingOf(one) === 'held-back');
    if (held.length === 0) throw new Error(`nothing of ${name} is held back: with --all, name a server`);
    return held;
  }
  const definition = findDefinition(known, name, kind);
  const standing = standingOf(definition);
  const shown = nameOf(definition);
  if (standing === 'gone') throw new Error(`${shown} is gone from its server: there is nothing to be said of it`);
  if (verdict === 'APPROVED' && standing === 'in-force') throw new Error(`${shown} is in force already`);
  if (verdict === 'REJECTED' && standing === 'rejected') throw new Error(`${shown} is rejected already`);
  if (
    digest !== undefined &&
    (digest.length < SHORTEST || !definition.observed!.digest.startsWith(digest.toLowerCase()))
  )
    throw new Error(
      `${shown} is another one now, or that is not the beginning of its digest (${SHORTEST} digits at least): look again with \`parley tools diff\``,
    );
  return [definition];
};

/** @param by who decides. @throws where that is nobody, or a rule's name. */
export const reviewsOf = (
  definitions: readonly Definition[],
  verdict: Verdict,
  by: string,
  note: string,
  time: number,
): Event<'DefinitionReviewed'>[] => {
  if (by.trim() === '' || by === MESH) throw new Error('say who decides with --by: it is on record');
  return definitions.map((definition) => {
    const data = verdictOn(definition, verdict, by, note);
    const id = newId(time);
    return {
      id,
      type: 'DefinitionReviewed',
      source: 'configuration',
      key: keyOf(data),
      time,
      correlationId: id,
      causationId: '',
      traceparent: '',
      data,
    };
  });
};

const deciding = (word: string, verdict: Verdict, description: string) =>
  new Command(word)
    .description(description)
    .argument('<name>', 'server/name; of a resource server/URI; with --all a server')
    .addOption(kindOption())
    .option('--all', 'everything of this server that is held back')
    .option('--digest <digits>', 'only if it is still the one with this sha256, as `parley tools diff` shows it')
    .option('--note <text>', 'why, for the record', '')
    .option('--by <person>', 'who decides; default: the user of this machine')
    .addHelpText('after', `\nExample:\n  parley tools ${word} files/read_file --note "seen with the vendor"`)
    .action(async (name: string, options: Decision) => {
      await withLog(
        async (log) => {
          const definitions = decidedOn(await readKnown(log), name, verdict, options);
          await log.append(
            reviewsOf(definitions, verdict, options.by ?? userOfMachine(), options.note ?? '', Date.now()),
          );
          for (const one of definitions)
            console.log(`${nameOf(one)} is ${verdict.toLowerCase()}, as sha256 ${one.observed!.digest.slice(0, 12)}`);
        },
        ['DefinitionReviewed'],
      );
    });

export const approveCommand = deciding('approve', 'APPROVED', 'let a definition be used as its server has it now');
export const rejectCommand = deciding('reject', 'REJECTED', 'let a definition not be used');
