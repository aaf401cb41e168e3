import type { AgentCard } from '@a2a-js/sdk';
import { Command } from 'commander';
import { Agent } from 'undici';
import { parseDocument } from 'yaml';
import { cardUrlOf } from '../../services/edge-a2a/cards/cards.ts';
import { fetchBounded, Unfit } from '../../services/edge-a2a/cards/fetch-bounded.ts';
import { readCard } from '../../services/edge-a2a/cards/read-card.ts';
import { changeMeshFile } from '../mesh-file.ts';
import { plain } from '../text.ts';
import { withEntry } from '../with-entry.ts';

/** @throws Error that says what is wrong, where there is no card. */
const fetchCard = async (url: string): Promise<AgentCard> => {
  if (!URL.canParse(url)) throw new Error(`${url} is no URL`);
  const at = cardUrlOf(url);
  const dispatcher = new Agent();
  try {
    return readCard(await fetchBounded(at, {}, dispatcher, new AbortController().signal)).card;
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    throw new Error(`there is no agent card at ${at}: ${error.message}`);
  } finally {
    await dispatcher.close();
  }
};

/** A name for mesh.yaml, of the card's; empty where that has nothing to make one of. */
export const nameOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replaceAll(/^-+|-+$/g, '');

type NewAgent = Readonly<Record<'unit' | 'owner' | 'url', string>>;

/**
 * A mesh.yaml with one more agent.
 * @param file what problems call it.
 * @throws where there is one of that name; ConfigurationRefused where the file is not right, or would not be.
 */
export const withAgent = (text: string, file: string, name: string, agent: NewAgent): string => {
  if (parseDocument(text).hasIn(['agents', name]))
    throw new Error(`${file} has an agent ${name}: name another with --name`);
  return withEntry(text, file, ['agents', name], agent);
};

interface Options {
  name?: string;
  unit: string;
  owner: string;
  mesh: string;
}

export const registerCommand = new Command('register')
  .description('put an A2A server into mesh.yaml, after a look at its card')
  .argument('<url>', 'its base URL, or that of its card')
  .option('--name <name>', "what the mesh calls it; default: of the card's name")
  .requiredOption('--unit <unit>', 'the unit of mesh.yaml that pays for it')
  .requiredOption('--owner <person>', 'the person of mesh.yaml who is accountable for it')
  .option('--mesh <file>', 'the file', 'mesh.yaml')
  .addHelpText(
    'after',
    '\nExample:\n  parley agents register https://weather.example.com --unit research --owner owner@example.com',
  )
  .action(async (url: string, { name, unit, owner, mesh }: Options) => {
    const { name: title, version, description } = await fetchCard(url);
    const agent = name ?? nameOf(title);
    if (agent === '') throw new Error(`no name can be made of ${plain(title, 60)}: give it one with --name`);
    await changeMeshFile(mesh, (text, file) => withAgent(text, file, agent, { unit, owner, url }));
    console.log(plain(`${title} ${version} is agents.${agent} of ${mesh} now: ${description}`, 400));
    console.log(
      `Run \`parley apply ${mesh}\` (\`parley up\` does so by itself), and let a policy permit agent.send to it.`,
    );
  });
