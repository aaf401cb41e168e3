/**
 * An agent on the log that returns a string at once.
 *   node bench/agents/log-agent.ts <name>
 * Says on standard output, as JSON, that it takes messages, and ends with standard input.
 */
import { createAgent } from '../../agent-sdk/index.ts';
import { ANSWER } from '../call.ts';

const name = process.argv[2] ?? 'bench';
const skills = [{ id: 'answer', name: 'Answer', description: 'Answers at once.', tags: ['bench'] }];

await createAgent({ name, card: { name, description: 'Answers at once.', version: '1', skills } })
  .onMessage(async () => ANSWER)
  .start();
console.log(JSON.stringify({ url: `agents.${name}.inbox` }));
process.stdin.resume().once('end', () => process.exit(0));
