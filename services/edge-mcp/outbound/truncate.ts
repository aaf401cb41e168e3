/**
 * A tool's result that is larger than it may be, cut to one that its client takes (MCP CallToolResult). Its contents stay in
 * order as far as there is room. The text at which the room ends is cut, between characters, and ends with how much of it is
 * missing. What can't be cut (images, audio, resources, links) and has no room is left out, and told of in a last text.
 * Structured content is left out too, but of a tool that has an output schema it stays, as a client would refuse the result
 * without it. All other members stay as they are.
 */

/** Member of a cut result's `_meta`: `{bytes, maxBytes}`, how large it was and how large it may be, as JSON in UTF-8. */
export const TRUNCATED = 'parley/truncated';

type Item = Record<string, unknown>;

export interface Cutting {
  /** Of the answer whole: `{"result": …}` as JSON in UTF-8. */
  bytes: number;
  maxBytes: number;
  hasOutputSchema: boolean;
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

const widthOf = (text: string, at: number): { units: number; bytes: number } => {
  const code = text.codePointAt(at) ?? 0;
  if (code > 0xffff) return { units: 2, bytes: 4 };
  if (code >= 0xd800 && code <= 0xdfff) return { units: 1, bytes: 6 };
  if (code >= 0x80) return { units: 1, bytes: code < 0x800 ? 2 : 3 };
  if (code >= 0x20) return { units: 1, bytes: code === 0x22 || code === 0x5c ? 2 : 1 };
  return { units: 1, bytes: '\b\t\n\f\r'.includes(text.charAt(at)) ? 2 : 6 };
};

/** As much of the beginning of a text, in whole characters, as takes no more than so many bytes within a JSON string. */
export const beginningOf = (text: string, maxBytes: number): string => {
  let end = 0;
  for (let left = maxBytes; end < text.length; ) {
    const { units, bytes } = widthOf(text, end);
    left -= bytes;
    if (left < 0) break;
    end += units;
  }
  return text.slice(0, end);
};

const cutMark = (bytes: number): string => `… [${bytes} bytes left out by the mesh]`;

const cutText = (item: Item & { text: string }, room: number): Item | undefined => {
  const mark = cutMark(Buffer.byteLength(item.text));
  const kept = beginningOf(item.text, room - sizeOf({ ...item, text: mark }));
  if (kept === '') return undefined;
  return { ...item, text: kept + cutMark(Buffer.byteLength(item.text.slice(kept.length))) };
};

const KINDS = ['text', 'image', 'audio', 'resource', 'resource_link'];

const noteOf = (leftOut: readonly Item[], structured: boolean, { bytes, maxBytes }: Cutting): Item => {
  const kinds = leftOut.map(({ type }) => (KINDS.includes(String(type)) ? String(type) : 'other'));
  const counts = [...new Set(kinds)].map((kind) => `${kinds.filter((one) => one === kind).length} ${kind}`);
  const what = [...counts, ...(structured ? ['the structured content'] : [])].join(', ');
  return {
    type: 'text',
    text: `[Left out by the mesh, as the result of ${bytes} bytes is larger than ${maxBytes}: ${what}]`,
  };
};

const isText = (item: Item): item is Item & { text: string } => item.type === 'text' && typeof item.text === 'string';

const isObject = (value: unknown): value is Item =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns the result, no larger than it may be; undefined where it can't be cut, as it is none of a tool, or what must stay is too large */
export const truncated = (result: Record<string, unknown>, cutting: Cutting): Record<string, unknown> | undefined => {
  const { content, structuredContent, _meta, ...others } = result;
  if (!Array.isArray(content) || !content.every(isObject) || !isObject(_meta ?? {})) return undefined;
  // With another type it asks for more, or is a task.
  if ((others.resultType ?? 'complete') !== 'complete') return undefined;
  const items: readonly Item[] = content;
  const stays = structuredContent !== undefined && cutting.hasOutputSchema && result.isError !== true;
  const leavesStructured = structuredContent !== undefined && !stays;
  const built = (contents: readonly Item[]) => ({
    ...others,
    content: contents,
    ...(stays ? { structuredContent } : {}),
    _meta: { ...(_meta as object | undefined), [TRUNCATED]: { bytes: cutting.bytes, maxBytes: cutting.maxBytes } },
  });
  // The note is never longer than when all is left out.
  let room = cutting.maxBytes - sizeOf({ result: built([noteOf(items, leavesStructured, cutting)]) });
  if (room < 0) return undefined;
  const kept: Item[] = [];
  const leftOut: Item[] = [];
  for (const item of items) {
    const size = sizeOf(item) + 1;
    const fitting = size <= room ? item : isText(item) ? cutText(item, room - 1) : undefined;
    if (fitting === undefined) leftOut.push(item);
    else kept.push(fitting);
    if (fitting !== undefined) room -= sizeOf(fitting) + 1;
  }
  const isTold = leftOut.length > 0 || leavesStructured;
  return built(isTold ? [...kept, noteOf(leftOut, leavesStructured, cutting)] : kept);
};
