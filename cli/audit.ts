import { Command } from 'commander';
import { verifyAudit } from '../services/audit/verify.ts';
import { auditText } from './audit-text.ts';
import { withLog } from './connect.ts';
import { progressBar } from './progress.ts';

const verify = new Command('verify')
  .description('prove that the audit is whole, or name the first entry that is broken')
  .option('--json', 'the whole report as one JSON object')
  .addHelpText(
    'after',
    `
Reads all of mesh.audit and of the topics that are audited. Each entry must have the hash that it states and follow the one
before; each event must have its entry, and each entry its event, unchanged. Exits with 1 when something is found.
Write the last hashes down elsewhere: with them it can be proved later that nothing before them was rewritten.

Example:
  parley audit verify --json > audit-$(date +%F).json`,
  )
  .action(async ({ json }: { json?: boolean }) => {
    const now = Date.now();
    const bar = progressBar();
    const report = await withLog((log) =>
      verifyAudit(log, now, (reading, seen, total) => bar.report(`Reading ${reading}`, seen, total)),
    ).finally(bar.end);
    console.log(json ? JSON.stringify(report, null, 2) : auditText(report, now).join('\n'));
    if (!report.whole) process.exitCode = 1;
  });

export const auditCommand = new Command('audit')
  .description('the hash-chained record of every request, decision, dispatch and outcome')
  .addHelpText('after', '\nExample:\n  parley audit verify')
  .addCommand(verify);
