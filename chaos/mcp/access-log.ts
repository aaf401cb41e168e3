/** What the MCP server wrote down, and what the log has to each of it. Pure. */
import type { LoggedRecord, UpstreamCall } from '../../invariants/index.ts';
import { parseLines } from '../evidence.ts';

/** What there is to call: one that reads, one that has side effects, and a slow one that has them too. */
export const toolNames = ['look', 'add', 'add_slowly'] as const;
export type ToolName = (typeof toolNames)[number];

/** Times that the slow one tells of its progress. */
export const STEPS = 4;

/** A line of its access log, JSON. `status`: 0 where the connection was cut before an answer began. */
export interface ToolEntry {
  time: string;
  /** The argument by which each try of a client is another one: of the dispatch an MCP server is not told. */
  call: string;
  tool: ToolName;
  status: number;
}

/** @throws on a line that is none, by its number. */
export const parseToolLog = (text: string): ToolEntry[] =>
  parseLines(text, (entry: ToolEntry) => typeof entry.call === 'string' && !Number.isNaN(Date.parse(entry.time)));

/** The requests of calls of tools, by the argument that tells them. */
export const requestsByCall = (records: readonly LoggedRecord[]): Map<string, string[]> => {
  const found = new Map<string, Set<string>>();
  for (const record of records) {
    if (record.type !== 'RequestReceived' || record.data.request.action !== 'tool.call') continue;
    const call = record.data.request.arguments.call ?? '';
    found.set(call, (found.get(call) ?? new Set()).add(record.correlationId));
  }
  return new Map([...found].map(([call, ids]) => [call, [...ids]]));
};

/** A refusal by the number of calls says that nothing was done. */
export const toolCalls = (entries: readonly ToolEntry[], requests: ReadonlyMap<string, string[]>): UpstreamCall[] =>
  entries.map(({ call, time, status }) => ({
    dispatchId: '',
    requestId: requests.get(call)?.[0] ?? '',
    at: Date.parse(time),
    refused: status === 429,
  }));
