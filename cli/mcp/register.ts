import { Command } from 'commander';
import { urlFault } from '../../services/configuration/environment.ts';
import { changeMeshFile } from '../mesh-file.ts';
import { withEntry } from '../with-entry.ts';

interface Options {
  url?: string;
  mesh: string;
}

/** References are resolved when the file is applied. */
const isUrl = (text: string): boolean => text.includes('${') || /^https?:$/.test(URL.parse(text)?.protocol ?? '');

/** @throws Error that says what to do, where it is neither a URL nor a command, or both, or a URL that would be refused. */
export const serverOf = (
  url: string | undefined,
  command: readonly string[],
): { url: string } | { command: string[] } => {
  if (url !== undefined && !isUrl(url)) throw new Error(`${url} is no http or https URL`);
  const fault = url === undefined || url.includes('${') ? undefined : urlFault(url);
  if (fault !== undefined) throw new Error(`the URL ${fault}`);
  if (url !== undefined && command.length === 0) return { url };
  if (command.length === 1 && /^https?:\/\//i.test(command[0]!))
    throw new Error('that is a URL and no command: give it with --url');
  if (url === undefined && command.length > 0) return { command: [...command] };
  throw new Error('give --url, or the command that starts it after --: one of them');
};

export const registerCommand = new Command('register')
  .description('put an MCP server into mesh.yaml')
  .argument('<name>', 'what the mesh calls it')
  .argument('[command...]', 'after --: what starts it, where it speaks over stdio')
  .option('--url <url>', 'its endpoint, where it speaks over HTTP')
  .option('--mesh <file>', 'the file', 'mesh.yaml')
  .addHelpText(
    'after',
    `
Keys, headers and the environment of a command are added to the file by hand, as \${ENV} references.

Examples:
  parley mcp register search --url https://search.example.com/mcp
  parley mcp register files -- npx -y @modelcontextprotocol/server-filesystem /srv/shared`,
  )
  .action(async (name: string, command: string[], { url, mesh }: Options) => {
    const server = serverOf(url, command);
    await changeMeshFile(mesh, (text, file) => withEntry(text, file, ['mcp', 'servers', name], server));
    console.log(`mcp.servers.${name} is in ${mesh} now.`);
    console.log(
      `Run \`parley apply ${mesh}\` (\`parley up\` does so by itself), look at what it offers with \`parley tools list --server ${name}\`, declare in \`tools\` of an agent what that one uses, and let a policy permit it.`,
    );
  });
