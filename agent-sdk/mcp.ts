/** What a tool of an MCP server answers (MCP 2026-07-28, server/tools: CallToolResult). */
import { CallFailed } from './errors.ts';

export interface ToolResult {
  content: { type: string; text?: string; [field: string]: unknown }[];
  structuredContent?: unknown;
  /** Whether the tool failed; `content` says at what. */
  isError?: boolean;
  [field: string]: unknown;
}

/** Reads the answer to a call of a tool. @throws CallFailed where the server refused the call. */
export const toolResult = (tool: string, bytes: Buffer): ToolResult => {
  const { result, error } = JSON.parse(bytes.toString()) as { result?: ToolResult; error?: { message?: string } };
  if (!result) throw new CallFailed(`the call of tool ${tool}`, 'FAILED', 0, error?.message ?? '');
  return result;
};
