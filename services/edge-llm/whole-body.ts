import { hash } from 'node:crypto';
import type { Request } from '../../schemas/generated.ts';

type Stated = Pick<Request, 'message' | 'spans' | 'fingerprint'>;

/** The offsets on mesh.requests of the records that hold parts of a request's body. */
export const heldElsewhere = ({ spans }: Pick<Request, 'spans'>): number[] => [
  ...new Set(spans.map(({ offset }) => offset).filter((offset) => offset >= 0)),
];

/**
 * The body of a request, byte for byte as its client sent it.
 * @param messageAt the `message` of the RequestReceived at an offset in the request's partition of mesh.requests.
 * @returns undefined where a part is missing or is not what it was.
 */
export const wholeBody = (
  { message, spans, fingerprint }: Stated,
  messageAt: (offset: number) => Buffer | undefined,
): Buffer | undefined => {
  if (spans.length === 0) return message;
  const parts: Buffer[] = [];
  for (const { offset, from, length } of spans) {
    const part = (offset < 0 ? message : messageAt(offset))?.subarray(from, from + length);
    if (part?.length !== length) return undefined;
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  return hash('sha256', body, 'hex') === fingerprint ? body : undefined;
};
