/** What a process said last on its stderr: for the log of the mesh, when it has ended. */
import { scrubText } from '../../runtime/outbound/secrets.ts';

export interface LastWords {
  hear(chunk: Buffer): void;
  /** Without secrets; empty: it said nothing. */
  text(): string;
}

const MAX_CHARS = 1_000;
/** More than is shown, so that a secret of which only the end is left is not among it. */
const MAX_BYTES = 16 * 1024;

export const createLastWords = (secrets: readonly string[]): LastWords => {
  let said = Buffer.alloc(0);
  return {
    hear: (chunk) => {
      said = Buffer.concat([said, chunk]).subarray(-MAX_BYTES);
    },
    text: () => scrubText(said.toString(), secrets).trim().slice(-MAX_CHARS),
  };
};
