import { Command } from 'commander';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { withLog } from '../connect.ts';
import { plain } from '../text.ts';
import { type Effect, effectOfId, readEffects } from './known.ts';

interface Finding {
  happened?: boolean;
  not?: boolean;
  by: string;
  note: string;
}

/** @param time milliseconds since the epoch. @throws Error that says what to do, where it does not say what was found, by whom and how. */
export const settlementOf = (
  { requestId, contextId, endId }: Pick<Effect, 'requestId' | 'contextId' | 'endId'>,
  { happened = false, not = false, by, note }: Finding,
  time: number,
): Event<'EffectSettled'> => {
  if (happened === not) throw new Error('say what was found: --happened or --not, one of them');
  if (by.trim() === '') throw new Error('say who found out with --by: it is on record');
  if (note.trim() === '') throw new Error('say how it was found out with --note: it is on record');
  return {
    id: newId(time),
    type: 'EffectSettled',
    source: 'configuration',
    key: `${contextId}/${requestId}`,
    time,
    correlationId: requestId,
    causationId: endId,
    traceparent: '',
    data: { requestId, happened, by, note },
  };
};

export const settleCommand = new Command('settle')
  .description('say whether a call took effect, for the record')
  .argument('<request>', 'its id, as `parley effects list` shows it, or the end of it')
  .option('--happened', 'it took effect')
  .option('--not', 'it did not')
  .requiredOption('--note <text>', 'how that was found out; required')
  .requiredOption('--by <person>', 'who found out; required')
  .addHelpText(
    'after',
    `
Look at the server that was called, not at the mesh: the mesh does not know. Said again, the last word counts; the audit has both.

Example:
  parley effects settle 0199f3c2-7b1e-7c50-8f1d-2f6f0e1a9b3c --happened --by lead@example.com --note "invoice 17 is there"`,
  )
  .action(async (id: string, finding: Finding) => {
    await withLog(
      async (log) => {
        const effect = effectOfId(await readEffects(log), id);
        await log.append([settlementOf(effect, finding, Date.now())]);
        const word = finding.happened ? 'happened' : 'did not happen';
        const before = effect.settled ? `; ${plain(effect.settled.by)} had settled it before` : '';
        console.log(`${plain(effect.requestId)} ${word}, says ${plain(finding.by)}${before}.`);
      },
      ['EffectSettled'],
    );
  });
