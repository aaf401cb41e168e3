/** Tools for the tests of the mesh itself: some are safe to repeat, some are not, and some misbehave. */
import { setImmediate } from 'node:timers/promises';
import { type Answer, object, saying, type Tools } from './tools.ts';

const KIB = 'x'.repeat(1024);

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Waits until the test lets it go on; false where the call was given up before. */
const held = async (signal: AbortSignal, released: Promise<void>): Promise<boolean> => {
  await Promise.race([released, untilAborted(signal)]);
  return !signal.aborted;
};

/** @param cancelled is told the name of each tool whose call was given up while it was at work */
export const ownTools = (cancelled: (tool: string) => void): Tools => ({
  add: {
    description: 'Adds two numbers.',
    schema: object({ a: { type: 'number' }, b: { type: 'number' } }, ['a', 'b']),
    annotations: { readOnlyHint: true },
    run: ({ a, b }) => saying(String(Number(a) + Number(b))),
  },
  write: {
    description: 'Writes a line.',
    schema: object({ line: { type: 'string' } }, ['line']),
    run: ({ line }) => saying(`wrote ${line}`),
  },
  write_held: {
    description: 'Writes a line, after a while.',
    schema: object({ line: { type: 'string' } }, ['line']),
    run: async ({ line }, { mcpReq }, { released }): Promise<Answer> => {
      if (!(await held(mcpReq.signal, released))) cancelled('write_held');
      return saying(`wrote ${line}`);
    },
  },
  read_held: {
    description: 'Reads, after a while.',
    annotations: { readOnlyHint: true },
    run: async (_, { mcpReq }, { released }): Promise<Answer> => {
      if (!(await held(mcpReq.signal, released))) cancelled('read_held');
      return saying('read');
    },
  },
  large: {
    description: 'Says as many KiB as it is told.',
    schema: object({ kib: { type: 'number' } }, ['kib']),
    annotations: { readOnlyHint: true },
    run: ({ kib }) => saying(KIB.repeat(Number(kib))),
  },
  table: {
    description: 'As many KiB of a table as it is told, structured and in words.',
    schema: object({ kib: { type: 'number' } }, ['kib']),
    output: object({ cells: { type: 'string' } }, ['cells']),
    annotations: { readOnlyHint: true },
    run: ({ kib }) => {
      const cells = KIB.repeat(Number(kib));
      return { ...saying(JSON.stringify({ cells })), structuredContent: { cells } };
    },
  },
  endless: {
    description: 'Tells of its progress and has none.',
    annotations: { readOnlyHint: true },
    run: async (_, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let progress = 1; !mcpReq.signal.aborted && progressToken !== undefined; progress += 1) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, message: KIB } });
        // Otherwise it would never hear that it was given up.
        await setImmediate();
      }
      cancelled('endless');
      return saying('never');
    },
  },
  tell_while_asking: {
    description: 'Asks, where there are sessions, and tells of its progress before and after it has the answer.',
    run: async (_, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? 0;
      const tell = (progress: number) =>
        mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress } });
      await tell(1);
      const requestedSchema = object({ name: { type: 'string' } }) as never;
      const asked = mcpReq.elicitInput({ message: 'Who?', requestedSchema });
      await tell(2);
      await tell(3);
      const { content } = await asked;
      await tell(4);
      return saying(String(content?.name));
    },
  },
  headers: {
    description: 'The headers it was called with.',
    annotations: { readOnlyHint: true },
    run: (_, { http }) => saying(JSON.stringify(Object.fromEntries(http?.req?.headers ?? []))),
  },
  touch: {
    description: 'Changes a resource.',
    schema: object({ uri: { type: 'string' } }, ['uri']),
    annotations: { idempotentHint: true },
    run: ({ uri }, _, { updated }) => {
      updated(String(uri));
      return saying('touched');
    },
  },
  pid: {
    description: 'The process that it runs in.',
    annotations: { readOnlyHint: true },
    run: () => saying(String(process.pid)),
  },
  die: {
    description: 'Ends its process.',
    run: () => process.exit(1),
  },
});
