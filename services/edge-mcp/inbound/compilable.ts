/** Whether clients can make a validator of a JSON Schema. */
import { hash } from 'node:crypto';
import { Ajv, addFormats } from '@modelcontextprotocol/server/validators/ajv';

/** Beyond it, making one takes too long for everybody else. */
const MAX_BYTES = 16 * 1024;
const MAX_KNOWN = 10_000;

const known = new Map<string, boolean>();

// As version 1 of the SDK has it.
const ajv = new Ajv({ strict: false, validateFormats: true, validateSchema: false, allErrors: true });
addFormats(ajv);

const compiles = (schema: object): boolean => {
  try {
    ajv.compile(schema);
    return true;
  } catch {
    return false;
  } finally {
    ajv.removeSchema();
  }
};

/** Pure, but for what is remembered: it is asked at every list. */
export const isCompilable = (schema: object): boolean => {
  const text = JSON.stringify(schema);
  if (text.length > MAX_BYTES) return false;
  const digest = hash('sha256', text, 'base64url');
  const before = known.get(digest);
  if (before !== undefined) return before;
  if (known.size >= MAX_KNOWN) known.clear();
  const now = compiles(schema);
  known.set(digest, now);
  return now;
};
