/** A process for the target mcp-stdio: a server of MCP over stdio that says whatever a call tells it to, and then an answer. */
import { createInterface } from 'node:readline';

const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) continue;
  if (method === 'initialize') {
    const serverInfo = { name: 'parrot', version: '1' };
    say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  } else if (method === 'tools/call') {
    const bytes = Buffer.from(params.arguments.bytes, 'base64').toString('latin1').replaceAll('@', id);
    process.stdout.write(Buffer.from(`${bytes.slice(0, params.arguments.most)}\n`, 'latin1'));
    say({ id, result: { content: [] } });
  } else say({ id, error: { code: -32601, message: 'Method not found' } });
}
