/** A client without a session that lists tools, to the last page. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { envelope, headersOf } from './mcp-call.ts';

const LISTED_WITHIN_MS = 300_000;

export interface Listing {
  tools: number;
  pages: number;
  /** Of all bodies. */
  bytes: number;
  /** From the first request to the end of the last answer, and of the first page alone. */
  ms: number;
  firstPageMs: number;
}

/** Where there is no cursor, it was the last page. */
export const readPage = (status: number, text: string): { tools: number; cursor: string | undefined } => {
  const answer = JSON.parse(text) as { result?: { tools?: unknown[]; nextCursor?: string } };
  if (status !== 200 || !answer.result?.tools) throw new Error(`no list of tools: ${status} ${text.slice(0, 300)}`);
  return { tools: answer.result.tools.length, cursor: answer.result.nextCursor };
};

/** @throws where a page is refused */
export const listTools = async (url: string, key: string, dispatcher: Dispatcher): Promise<Listing> => {
  const began = performance.now();
  const listing = { tools: 0, pages: 0, bytes: 0, ms: 0, firstPageMs: 0 };
  const headers = { ...headersOf('modern', key), 'mcp-method': 'tools/list' };
  for (let cursor: string | undefined; listing.pages === 0 || cursor !== undefined; ) {
    const params = { ...(cursor === undefined ? {} : { cursor }), _meta: envelope };
    const body = JSON.stringify({ jsonrpc: '2.0', id: listing.pages, method: 'tools/list', params });
    const answer = await request(url, { method: 'POST', headers, body, dispatcher });
    const text = await answer.body.text();
    if (listing.pages === 0) listing.firstPageMs = performance.now() - began;
    const page = readPage(answer.statusCode, text);
    cursor = page.cursor;
    listing.tools += page.tools;
    listing.pages += 1;
    listing.bytes += Buffer.byteLength(text);
  }
  return { ...listing, ms: performance.now() - began };
};

/** Resolves when a list holds so many tools. @throws after five minutes */
export const untilListed = async (
  url: string,
  key: string,
  tools: number,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<void> => {
  const giveUp = performance.now() + LISTED_WITHIN_MS;
  for (;;) {
    const listed = await listTools(url, key, dispatcher).catch((error: Error) => error);
    if (!(listed instanceof Error) && listed.tools === tools) return;
    const what = listed instanceof Error ? listed.message : `${listed.tools} tools`;
    if (performance.now() > giveUp) throw new Error(`${url} does not list ${tools} tools: ${what}`);
    await sleep(100, undefined, { signal });
  }
};
