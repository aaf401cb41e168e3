/** login and logout: whether the mesh is let in by a server that asks for OAuth. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { loginKey } from '../../services/edge-mcp/logins/kept-login.ts';
import { CallFailed } from '../../services/edge-mcp/outbound/call-failed.ts';
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import type { EventData } from '../../topics/index.ts';
import { withLog } from '../connect.ts';
import { userOfMachine } from '../person.ts';
import { plain } from '../text.ts';
import { readKnown } from '../tools/known.ts';
import { connectionOf, logIn } from './log-in.ts';
import { signingOfMesh } from './signing.ts';

/** How long a person may take. */
const PATIENCE_MS = 600_000;

interface Options {
  by: string;
  scope?: string;
  port: number;
}

const stated = <T extends 'LoggedIn' | 'LoggedOut'>(type: T, server: string, data: EventData[T]): Event<T> => {
  const time = Date.now();
  const id = newId(time);
  const event = { id, type, source: 'configuration', key: loginKey(server), time, correlationId: id };
  return { ...event, causationId: '', traceparent: '', data };
};

const parsePort = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('a port is wanted');
  return Number(text);
};

/** With the words of the authorization server: they are for whoever logs in. */
const withCause = (error: unknown): unknown => {
  if (!(error instanceof CallFailed) || !(error.cause instanceof Error)) return error;
  return new Error(`${error.message} ${plain(error.cause.message, 500)}`, { cause: error });
};

const granted = ({ issuer, scope, expiresAt }: EventData['LoggedIn']): string =>
  [
    `by ${issuer}`,
    ...(scope === '' ? [] : [`for ${plain(scope, 300)}`]),
    ...(expiresAt === null ? [] : [`token good until ${new Date(expiresAt).toISOString()}`]),
  ].join(', ');

export const loginCommand = new Command('login')
  .description('log the mesh in to an MCP server that asks for OAuth; its calls are then made with that login')
  .argument('<name>', 'the server, as mesh.yaml calls it')
  .option('--scope <scopes>', 'what is asked for; default: as mesh.yaml says, or else as the server does')
  .addOption(
    new Option('--port <port>', 'of 127.0.0.1, for the browser to come back to')
      .argParser(parsePort)
      .default(0, 'any free one'),
  )
  .addOption(new Option('--by <person>', 'who logs in').default(userOfMachine(), 'the user of this machine'))
  .addHelpText(
    'after',
    `
The server needs \`oauth\` in mesh.yaml. The login is stored in the log, sealed with PARLEY_SIGNING_KEY, which must be the key
that the mesh runs with. Open the URL in a browser on this machine. Whoever may call the server's tools then does so with what
you have granted.

Example:
  parley mcp login search --scope "search:read"`,
  )
  .action(async (name: string, { by, scope, port }: Options) => {
    if (by.trim() === '') throw new Error('say who logs in with --by: it is on record');
    const signing = await signingOfMesh(process.env);
    await withLog(
      async (log) => {
        const connection = connectionOf((await readKnown(log)).configuration, name);
        const show = (url: string) => console.log(`Open this in a browser on this machine:\n\n  ${url}\n`);
        const signal = AbortSignal.timeout(PATIENCE_MS);
        const data = await logIn(name, connection, process.env, signing, { port, scope, by, show, signal }).catch(
          (error) => {
            throw withCause(error);
          },
        );
        if (!data) return console.log(`${name} asks for no login.`);
        await log.append([stated('LoggedIn', name, data)]);
        console.log(`The mesh is logged in to ${name}, ${granted(data)}.`);
      },
      ['LoggedIn'],
    );
  });

export const logoutCommand = new Command('logout')
  .description('forget how the mesh is logged in to an MCP server')
  .argument('<name>', 'the server, as mesh.yaml calls it')
  .option('--by <person>', 'who says so; default: the user of this machine', userOfMachine())
  .addHelpText(
    'after',
    '\nIts tokens are not revoked at the authorization server.\n\nExample:\n  parley mcp logout search',
  )
  .action(async (name: string, { by }: Pick<Options, 'by'>) => {
    if (by.trim() === '') throw new Error('say who it is with --by: it is on record');
    const data = { server: name, by, reason: 'somebody logged the mesh out' };
    await withLog(
      async (log) => {
        const { configuration } = await readKnown(log);
        if (!configuration?.servers.some((one) => one.name === name))
          throw new Error(`no MCP server is called ${name}: \`parley mcp list\` shows which there are`);
        await log.append([stated('LoggedOut', name, data)]);
      },
      ['LoggedOut'],
    );
    console.log(`The mesh is logged out of ${name}.`);
  });
