/** An MCP server over stdio that dies, floods or asks as its arguments tell it. Started as a process. */
import { createInterface } from 'node:readline';

const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (said: string) => ({ content: [{ type: 'text', text: said }] });
const waiting = new Map<number, (content: { name?: string }) => void>();
let asked = 0;
/** Asks in the course of the next call what it would know for the one before. */
let lingers = false;

const tools: Record<string, (id: string, given: Record<string, unknown>, meta: { progressToken?: string }) => void> = {
  pid: (id, given, meta) => {
    if (lingers) tools.ask!('', given, meta);
    say({ id, result: text(String(process.pid)) });
  },
  linger: (id, given, meta) => {
    lingers = true;
    tools.ask!(id, given, meta);
  },
  env: (id) => say({ id, result: { ...text('env'), env: process.env } }),
  die: () => process.exit(1),
  hang: () => {},
  flood: () => {
    const more = () => void process.stdout.write('x'.repeat(65_536), more);
    more();
  },
  chatter: (id, _, { progressToken }) => {
    process.stderr.write(`key ${process.env.TOKEN}\n`);
    say({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    say({ method: 'notifications/message', params: { level: 'info', data: 'to whom?' } });
    setTimeout(() => say({ id, result: text('said') }), 100);
  },
  ask: (id) => {
    asked += 1;
    waiting.set(asked, ({ name }) => say({ id, result: text(`hello ${name}`) }));
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
    say({ id: asked, method: 'elicitation/create', params: { message: 'Who?', requestedSchema } });
  },
};

createInterface(process.stdin).on('line', (line) => {
  const { id, method, params, result } = JSON.parse(line);
  if (method === undefined) return waiting.get(id)?.(result?.content ?? {});
  if (method === 'initialize') {
    const capabilities = { tools: {}, logging: {} };
    return say({
      id,
      result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'stdio', version: '1' } },
    });
  }
  if (method === 'tools/call') return tools[params.name]?.(id, params.arguments, params._meta ?? {});
  if (id !== undefined) say({ id, error: { code: -32601, message: 'Method not found' } });
});
