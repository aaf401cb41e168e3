import { Command } from 'commander';
import { applyTopics, checkTopics } from '../services/runtime/governance/index.ts';
import { findCluster } from './connect.ts';
import { many } from './figures.ts';
import { progressBar } from './progress.ts';
import { plain } from './text.ts';

const check = new Command('check')
  .description('print how the cluster differs from topics/*.yaml and schemas/*.avsc')
  .addHelpText('after', '\nExits with 1 when it differs.\n\nExample:\n  parley topics check')
  .action(async () => {
    const drift = await checkTopics(await findCluster());
    for (const { what, mend } of drift)
      console.log(`${mend ? 'apply mends:   ' : 'needs a person:'} ${plain(what, 500)}`);
    console.log(drift.length === 0 ? 'The cluster is as the files say.' : `${many(drift.length, 'difference')}.`);
    if (drift.length > 0) process.exitCode = 1;
  });

const apply = new Command('apply')
  .description('make the cluster agree with topics/*.yaml and schemas/*.avsc')
  .addHelpText(
    'after',
    `
Creates topics and registers schemas; sets retention, cleanup, compatibility and, where Kafka has an authorizer, ACLs. Deletes
nothing. Exits with 1 when something is left for a person to decide.

Example:
  KAFKA_BROKERS=kafka:9092 SCHEMA_REGISTRY_URL=http://registry:8081 parley topics apply`,
  )
  .action(async () => {
    const bar = progressBar();
    let steps = 0;
    const left = await applyTopics(await findCluster(), (done, total, what) => {
      steps = done;
      bar.report(plain(what, 60), done, total);
    }).finally(bar.end);
    console.log(steps === 0 ? 'Nothing to do.' : `${many(steps, 'difference')} removed.`);
    for (const { what } of left) console.log(`needs a person: ${plain(what, 500)}`);
    if (left.length > 0) process.exitCode = 1;
  });

export const topicsCommand = new Command('topics')
  .description('the governed topics and schemas of the mesh')
  .addHelpText('after', '\nExample:\n  parley topics check')
  .addCommand(check)
  .addCommand(apply);
