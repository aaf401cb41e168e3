/**
 * What a body says that no request of its conversation has said before: clients send the whole history with every turn, and
 * the log is to hold it once. Known parts are named by where their bytes are; the rest is the request's own.
 */
import { hash } from 'node:crypto';
import type { Request, Span } from '../../../schemas/generated.ts';
import type { Part } from '../openai/json-bytes.ts';

export type Stated = Pick<Request, 'message' | 'spans'>;

/** The offset by which a request names its own bytes. */
const OWN = -1;
/** Reading a body back takes a record for each. Past that it is stated whole, and what follows refers to that. */
const MAX_SPANS = 1_000;

/** A digest for each part, that tells it from every other. */
export const digestsOf = (body: Buffer, parts: readonly Part[]): string[] =>
  parts.map(({ start, end }) => hash('sha256', body.subarray(start, end), 'base64'));

const add = (spans: Span[], span: Span) => {
  const last = spans.at(-1);
  if (last && last.offset === span.offset && last.from + last.length === span.from) last.length += span.length;
  else if (span.length > 0) spans.push({ ...span });
};

/**
 * The body as a request states it.
 * @param placeOf where the bytes of a digest are, if they are known.
 */
export const stated = (
  body: Buffer,
  parts: readonly Part[],
  digests: readonly string[],
  placeOf: (digest: string) => Span | undefined,
): Stated => {
  const spans: Span[] = [];
  const own: Buffer[] = [];
  let ownBytes = 0;
  let at = 0;
  const keep = (end: number) => {
    own.push(body.subarray(at, end));
    add(spans, { offset: OWN, from: ownBytes, length: end - at });
    ownBytes += end - at;
  };
  for (const [i, { start, end }] of parts.entries()) {
    const place = placeOf(digests[i]!);
    if (place?.length !== end - start) continue;
    keep(start);
    add(spans, place);
    at = end;
  }
  if (at === 0) return { message: body, spans: [] };
  keep(body.length);
  return spans.length > MAX_SPANS ? { message: body, spans: [] } : { message: Buffer.concat(own), spans };
};

/**
 * Where the parts of a body are that its request holds itself, once its record is at an offset.
 * @returns a digest and a place for each.
 */
export const placesOf = (
  { spans }: Pick<Request, 'spans'>,
  parts: readonly Part[],
  digests: readonly string[],
  offset: number,
): [digest: string, place: Span][] => {
  if (spans.length === 0)
    return parts.map(({ start, end }, i) => [digests[i]!, { offset, from: start, length: end - start }]);
  const places: [string, Span][] = [];
  let next = 0;
  let at = 0;
  for (const span of spans) {
    const end = at + span.length;
    for (; next < parts.length && parts[next]!.start < end; next += 1) {
      const part = parts[next]!;
      if (span.offset !== OWN) continue;
      const from = span.from + part.start - at;
      places.push([digests[next]!, { offset, from, length: part.end - part.start }]);
    }
    at = end;
  }
  return places;
};
