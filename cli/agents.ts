import { Command } from 'commander';
import type { AgentCardPublished } from '../schemas/generated.ts';
import { type AgentConfiguration, type Configuration, parseConfiguration } from '../services/runtime/configuration.ts';
import type { Log } from '../services/runtime/log.ts';
import { registerCommand } from './agents/register.ts';
import { agentTable, agentText, type Cards } from './agents/text.ts';
import { withLog } from './connect.ts';
import { jsonLine } from './event-json.ts';

interface Known {
  agents: readonly AgentConfiguration[];
  cards: Cards;
}

const readAgents = async (log: Log): Promise<Known> => {
  let configuration: Configuration | undefined;
  const published = new Map<string, AgentCardPublished>();
  const refused = new Map<string, string>();
  const tail = await log.tail(
    ['mesh.configuration', 'mesh.agents'],
    (record) => {
      if (record.type === 'MeshConfigured') configuration = parseConfiguration(record.data);
      if (record.type === 'AgentCardRefused') refused.set(record.data.agent, record.data.reason);
      if (record.type !== 'AgentCardPublished') return;
      published.set(record.data.agent, record.data);
      refused.delete(record.data.agent);
    },
    { from: 'beginning' },
  );
  await tail.caughtUp;
  await tail.close();
  return { agents: configuration?.agents ?? [], cards: { published, refused } };
};

const list = new Command('list')
  .description('the agents of the mesh: whose they are, how they are reached, what they can do')
  .option('--json', 'one JSON object per line')
  .addHelpText('after', '\nExample:\n  parley agents list')
  .action(async ({ json }: { json?: boolean }) => {
    const { agents, cards } = await withLog(readAgents);
    if (json)
      for (const agent of agents)
        console.log(jsonLine({ ...agent, signature: cards.published.get(agent.name)?.signature ?? null }));
    else console.log(agents.length === 0 ? 'No agent is registered.' : agentTable(agents, cards).join('\n'));
  });

const show = new Command('show')
  .description("an agent's registration and its card, as it published it")
  .argument('<agent>', 'its name')
  .option('--json', "its card as A2A's JSON")
  .addHelpText('after', '\nExample:\n  parley agents show planner')
  .action(async (name: string, { json }: { json?: boolean }) => {
    const { agents, cards } = await withLog(readAgents);
    const agent = agents.find((one) => one.name === name);
    if (!agent) throw new Error(`there is no agent ${name}: \`parley agents list\` shows which there are`);
    const card = cards.published.get(name);
    if (!json) console.log(agentText(agent, cards).join('\n'));
    else if (card) console.log(jsonLine(JSON.parse(card.card.toString())));
    else throw new Error(`${name} has published no card yet`);
  });

export const agentsCommand = new Command('agents')
  .description('the agents that can be called: list, show, register')
  .addHelpText('after', '\nExample:\n  parley agents list')
  .addCommand(list)
  .addCommand(show)
  .addCommand(registerCommand);
