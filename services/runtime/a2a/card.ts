/** Agent cards as they come from outside. */
import { AgentCard } from '@a2a-js/sdk';

/** Beyond this a card is no description any more. */
const MAX_BYTES = 256 * 1024;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const parse = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
};

/** An A2A 1.0 AgentCard (§4.4.1) in ProtoJSON, or why it is none, for a person to read. */
export const readCard = (bytes: Buffer): { card: AgentCard } | { problem: string } => {
  if (bytes.length > MAX_BYTES) return { problem: `the card has ${bytes.length} bytes, more than ${MAX_BYTES}` };
  const read = parse(bytes);
  if (!isRecord(read)) return { problem: 'the card is not a JSON object' };
  for (const field of ['name', 'description', 'version'])
    if (typeof read[field] !== 'string' || read[field] === '') return { problem: `the card has no ${field}` };
  if (!Array.isArray(read.skills)) return { problem: 'the card has no skills' };
  try {
    return { card: AgentCard.fromJSON(read) };
  } catch (error) {
    return { problem: `the card cannot be read: ${(error as Error).message}` };
  }
};
