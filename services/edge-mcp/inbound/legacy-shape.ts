/** What a server says as 2026-07-28 has it, in the form that clients up to 2025-11-25 can read. */
import { setImmediate } from 'node:timers/promises';
import { type CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { isCompilable } from './compilable.ts';

/** Tools that are looked at before others of the process have their turn. */
const AT_ONCE = 20;

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Until 2025-11-25 the schema of a property is an object, though JSON Schema knows `true` and `false`. */
const withObjects = (schema: Json): Json => {
  if (!isObject(schema.properties)) return schema;
  const entries = Object.entries(schema.properties).map(([name, one]) => {
    if (typeof one !== 'boolean') return [name, one];
    return [name, one ? {} : { not: {} }];
  });
  return { ...schema, properties: Object.fromEntries(entries) };
};

/**
 * A tool as it is listed. A schema of results that are no objects is left out: until 2025-11-25 there are none (SEP-2106), and a
 * client that checks what it is sent would refuse the whole list. So does the SDK's version 1 where it cannot compile one.
 */
const legacyTool = ({ inputSchema, outputSchema, ...rest }: Json): Json => ({
  ...rest,
  inputSchema: isObject(inputSchema) ? withObjects(inputSchema) : inputSchema,
  ...(isObject(outputSchema) && outputSchema.type === 'object' && isCompilable(outputSchema)
    ? { outputSchema: withObjects(outputSchema) }
    : {}),
});

// Of its own accord it speaks the older form.
const { server } = new McpServer({ name: 'parley', version: '1' });

/** A tool's result: what is no object is the `result` of one (SEP-2106), and in words. */
const legacyToolResult = (result: Json): Json =>
  'structuredContent' in result ? server.projectCallToolResult(result as CallToolResult, undefined) : result;

/** The result of a method, of a tool's call or a list of tools among them. */
export const legacyResult = async (method: string, result: Json): Promise<Json> => {
  if (method === 'tools/call') return legacyToolResult(result);
  if (method !== 'tools/list') return result;
  const tools: Json[] = [];
  for (const tool of result.tools as Json[]) {
    if (tools.length % AT_ONCE === AT_ONCE - 1) await setImmediate();
    tools.push(legacyTool(tool));
  }
  return { ...result, tools };
};
