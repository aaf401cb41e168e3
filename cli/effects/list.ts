import { Command } from 'commander';
import { withLog } from '../connect.ts';
import { jsonLine } from '../event-json.ts';
import { many } from '../figures.ts';
import { readRedaction } from '../redacted.ts';
import { readEffects, withRequests } from './known.ts';
import { effectJson, effectText } from './text.ts';

export const listCommand = new Command('list')
  .description('calls of which it is not known whether they took effect, the last first')
  .option('--all', 'those that somebody has settled too')
  .option('--json', 'one JSON object per line, with the whole message')
  .addHelpText('after', '\nExample:\n  parley effects list')
  .action(async ({ all, json }: { all?: boolean; json?: boolean }) => {
    const { effects, redaction } = await withLog(async (log) => {
      const known = (await readEffects(log)).filter(({ settled }) => all || !settled);
      return { effects: await withRequests(log, known), redaction: await readRedaction(log) };
    });
    if (json) for (const effect of effects) console.log(jsonLine(effectJson(effect, redaction)));
    else if (effects.length === 0) console.log('There is no call whose outcome is unknown.');
    else {
      console.log(effects.map((effect) => effectText(effect, redaction).join('\n')).join('\n\n'));
      const open = effects.filter(({ settled }) => !settled).length;
      if (open === 0) return console.log('\nAll of them are settled.');
      console.log(
        `\n${many(open, 'call')} to be settled. Next: parley effects settle <request> --happened|--not --by <person> --note <how that was found out>`,
      );
    }
  });
