/** Lines of a stream of any length, never held but for the one that is read. */

export interface Line {
  /** From 1. */
  number: number;
  /** Without its end; undefined where it is longer than a line may be. */
  text: string | undefined;
}

const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Bytes → lines, which end in LF or CRLF; the last need not end. Blank ones are counted and passed over. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes = MAX_LINE_BYTES): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= maxBytes) parts.push(part);
    else parts = [];
  };
  const take = (): Line[] => {
    number += 1;
    const text = bytes > maxBytes ? undefined : Buffer.concat(parts).toString().trim();
    parts = [];
    bytes = 0;
    return text === '' ? [] : [{ number, text }];
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, end));
      yield* take();
      from = end + 1;
    }
    keep(chunk.subarray(from));
  }
  if (bytes > 0) yield* take();
}
