/**
 * An MCP server with one tool, over stdio: node examples/mcp/currency.ts. What the tool says of itself comes from the file that
 * CURRENCY_FILE names, where there is one, and is read again when it changes: so that a new release of a tool can be tried out.
 */
import { readFileSync, watchFile } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const DESCRIPTION = 'Converts an amount from one currency into another, at invented rates.';
const PER_EURO: Readonly<Record<string, number>> = { EUR: 1, USD: 1.25, GBP: 0.8, JPY: 150 };

const file = process.env.CURRENCY_FILE;

const description = (): string => {
  try {
    return (file && readFileSync(file, 'utf8').trim()) || DESCRIPTION;
  } catch {
    return DESCRIPTION;
  }
};

const currency = z.enum(Object.keys(PER_EURO) as [string, ...string[]]);

serveStdio(() => {
  const server = new McpServer({ name: 'currency', version: '1.0.0' });
  const convert = server.registerTool(
    'convert',
    {
      title: 'Convert money',
      description: description(),
      inputSchema: z.object({ amount: z.number(), from: currency, to: currency }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ amount, from, to }) => {
      const converted = (amount / PER_EURO[from]!) * PER_EURO[to]!;
      return { content: [{ type: 'text', text: `${amount} ${from} is ${converted.toFixed(2)} ${to}` }] };
    },
  );
  if (file) watchFile(file, { interval: 250 }, () => convert.update({ description: description() }));
  return server;
});
