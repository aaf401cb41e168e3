/** An answer of a server as its client gets it: no larger than it may be. */
import { type Definitions, definitionOf, ofObserved } from '../../runtime/mcp/definitions.ts';
import { readOutcome, writeOutcome } from '../../runtime/mcp/message.ts';
import { type Failed, failedOf } from '../../runtime/outbound/outcomes.ts';
import type { ResultLimits } from './limits.ts';
import { truncated } from './truncate.ts';

const outputSchemaIn = ofObserved((listed): boolean => {
  // What is gone from its server may still be known to clients.
  if (listed.length === 0) return true;
  return (JSON.parse(listed.toString()) as { outputSchema?: unknown }).outputSchema !== undefined;
});

/** Whether clients are promised structured content; of a tool that the mesh does not know it may be. */
export const hasOutputSchema = (definitions: Definitions, server: string, tool: string): boolean => {
  const observed = definitionOf(definitions, server, 'TOOL', tool)?.observed;
  return observed === undefined || outputSchemaIn(observed);
};

/**
 * @param message as `writeOutcome` makes it, without secrets: half of one would be found by nobody.
 * @param ofTool whether a tool answered, and whether it has an output schema
 */
export const fitting = (
  message: Buffer,
  { maxBytes, tooLarge }: ResultLimits,
  ofTool: { hasOutputSchema: boolean } | undefined,
): Buffer | Failed => {
  const bytes = message.length;
  if (bytes <= maxBytes) return message;
  const outcome = tooLarge === 'truncate' && ofTool ? readOutcome(message) : undefined;
  const result = outcome && 'result' in outcome ? outcome.result : undefined;
  const cut = result && ofTool && truncated(result, { bytes, maxBytes, ...ofTool });
  if (cut) return writeOutcome({ result: cut });
  return failedOf('RESPONSE_TOO_LARGE', `The answer of ${bytes} bytes is larger than it may be: ${maxBytes} bytes.`);
};
