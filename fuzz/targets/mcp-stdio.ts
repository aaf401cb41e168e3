/** What MCP servers say over stdio, before they answer. */
import { join } from 'node:path';
import pino from 'pino';
import { ITSELF } from '../../services/edge-mcp/outbound/identity.ts';
import { type StdioProcess, startProcess } from '../../services/edge-mcp/outbound/stdio-process.ts';
import { holds, type Target } from '../target.ts';
import { callDictionary, callOnce, MAX_BYTES, MOST_SAID } from './mcp-call.ts';

const HANDSHAKE_MS = 10_000;
/** An answer comes always. */
const PATIENCE_MS = 5_000;
/** Of what comes at once, which may be several lines. */
const MAX_BUFFER = MAX_BYTES * 4;

const command = {
  command: process.execPath,
  args: [join(import.meta.dirname, 'stdio-parrot.ts')],
  env: {},
  cwd: null,
  maxBytes: MAX_BUFFER,
  secrets: [],
};
const logger = pino({ level: 'silent' });
const begin = (): Promise<StdioProcess> =>
  startProcess(command, ITSELF, { kind: 'legacy' }, HANDSHAKE_MS, logger, () => {}, { hear: () => {} });
const running = await begin();
let isOver = false;
void running.closed.then(() => {
  isOver = true;
});

const channel = {
  protocolVersion: running.protocolVersion,
  isModern: running.modern,
  closesToCancel: false,
  open: running.open,
  release: () => {},
};

export const target: Target = {
  name: 'mcp-stdio',
  batch: 64,
  dictionary: [...callDictionary, '\r\n', '\n\n', '\n{"jsonrpc":"2.0","id":"@",', 'no JSON\n', '"params":null', '\0'],
  run: async (input) => {
    const given = { bytes: input.toString('base64'), most: MOST_SAID };
    const isAnswered = await callOnce(channel, { name: 'say', arguments: given }, PATIENCE_MS);
    holds(!isOver, 'whatever a process says, it goes on to serve');
    // Said at too great a length, or too much of it, it is no answer.
    holds(isAnswered || input.length > 200, 'an answer is found whatever is said before it');
  },
  close: () => running.close(),
};
