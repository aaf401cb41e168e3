/** What is asked of an MCP server, as JSON-RPC over HTTP: no SDK of a client takes part in what is measured. */
import type { Call } from './call.ts';

/** modern: 2026-07-28, each request by itself; legacy: 2025-11-25, in one session. */
export type Era = 'modern' | 'legacy';

export const VERSIONS: Record<Era, string> = { modern: '2026-07-28', legacy: '2025-11-25' };
/** How often `progress` tells of itself. */
export const STEPS = 5;

const SAID = 'Our order service lost a message last night. What would an event log have told us?';
const CLIENT = { name: 'bench', version: '1.0.0' };
const PROGRESSED = '"notifications/progress"';

/** Of every request of an era, before what a session adds. */
export const headersOf = (era: Era, key: string): Record<string, string> => ({
  authorization: `Bearer ${key}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': VERSIONS[era],
});

/** What a client without a session says of itself in every request. */
export const envelope = {
  'io.modelcontextprotocol/protocolVersion': VERSIONS.modern,
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** Begins a session. @returns the headers that belong to it. @throws when it is refused */
const openSession = async (url: string, key: string): Promise<Record<string, string>> => {
  const post = async (message: object, more: Record<string, string> = {}) => {
    const headers = { ...headersOf('legacy', key), ...more };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`no session at ${url}: ${answer.status} ${text.slice(0, 300)}`);
    return answer;
  };
  const params = { protocolVersion: VERSIONS.legacy, capabilities: {}, clientInfo: CLIENT };
  const id = (await post({ id: 0, method: 'initialize', params })).headers.get('mcp-session-id');
  const session: Record<string, string> = id === null ? {} : { 'mcp-session-id': id };
  await post({ method: 'notifications/initialized' }, session);
  return session;
};

const count = (text: string, part: string): number => text.split(part).length - 1;

/** What is wrong with an answer to a call of `echo`, or of `progress`; nothing where it is right. */
export const faultOf = (status: number, text: string, told: boolean): string | undefined => {
  const steps = count(text, PROGRESSED);
  if (status === 200 && text.includes(`Echo: ${SAID}`) && steps === (told ? STEPS : 0)) return undefined;
  return `${status}, ${steps} steps: ${text.slice(0, 300)}`;
};

/**
 * A call of `echo`, or, where it is to tell of itself, of `progress`.
 * @param url of the server or of the mesh's endpoint; a session is begun there first, where the era has them.
 */
export const mcpCall = async (era: Era, told: boolean, url: string, key: string): Promise<Call> => {
  const name = told ? 'progress' : 'echo';
  const named = { 'mcp-method': 'tools/call', 'mcp-name': name };
  const more = era === 'modern' ? named : await openSession(url, key);
  const meta = (n: number) => ({ ...(era === 'modern' ? envelope : {}), ...(told ? { progressToken: n } : {}) });
  return {
    path: '',
    headers: { ...headersOf(era, key), ...more },
    body: (n) => {
      const params = { name, arguments: { message: SAID }, _meta: meta(n) };
      return JSON.stringify({ jsonrpc: '2.0', id: n, method: 'tools/call', params });
    },
    ...(told ? { begins: PROGRESSED } : {}),
    fault: (status, text) => faultOf(status, text, told),
  };
};
