import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { EmbeddedError } from './errors.ts';

const HOST = '127.0.0.1';

/** Whether a loopback port can be listened on. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A loopback port for each name: the wanted one, else the one remembered in `file`, else any free one; remembers them.
 * Throws EmbeddedError `PORT_IN_USE` when a wanted port is taken.
 */
export async function choosePorts<Name extends string>(
  file: string,
  wanted: Record<Name, number | undefined>,
): Promise<Record<Name, number>> {
  const remembered: Partial<Record<Name, number>> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const chosen = {} as Record<Name, number>;
  for (const name of Object.keys(wanted) as Name[]) {
    const port = wanted[name];
    if (port !== undefined && !(await isFree(port))) {
      throw new EmbeddedError(
        'PORT_IN_USE',
        `Port ${port} on ${HOST}, wanted for ${name}, is taken by another program.`,
      );
    }
    chosen[name] = port ?? (await freePort(remembered[name], Object.values(chosen)));
  }
  writeFileSync(file, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

async function freePort(preferred: number | undefined, taken: number[]): Promise<number> {
  const candidates = [...(preferred === undefined ? [] : [preferred]), ...Array.from({ length: 50 }, randomPort)];
  for (const port of candidates) if (!taken.includes(port) && (await isFree(port))) return port;
  throw new EmbeddedError('PORT_IN_USE', `No free port on ${HOST}.`);
}

/** Below those that systems lend to outgoing connections: one of these may be gone before a JVM comes to listen. */
const randomPort = () => 20_000 + Math.floor(Math.random() * 12_000);
