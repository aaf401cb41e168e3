import type * as mesh from '../../../schemas/generated.ts';
import { parseObject } from '../openai/json.ts';
import { interfaceOf } from '../openai/protocol.ts';
import { createSseReader } from '../openai/sse.ts';
import { estimateMeters, type Meters, metersOf, textOfAnswer } from '../openai/usage.ts';
import { readStream } from './answers.ts';

/**
 * What was used for chunks of a stream whose end nobody heard. Never throws: what can't be read is not counted.
 * @param payloads in the protocol of the request, from the first on.
 */
export const metersOfChunks = async (
  request: mesh.Request,
  payloads: readonly Buffer[],
): Promise<{ meters: Meters; estimated: boolean }> => {
  const of = interfaceOf(request.protocol);
  const body = parseObject(request.message.toString());
  if (!of || !body || payloads.length === 0) return { meters: {}, estimated: false };
  const { protocol, name: spoken } = of;
  const stream = readStream({ protocol, spoken, addedUsage: false, request: () => body, base: '', now: () => 0 });
  try {
    const sse = createSseReader(Number.MAX_SAFE_INTEGER);
    for (const event of payloads.flatMap((payload) => sse.feed(payload))) stream.add(event);
  } catch {
    // As far as it could be read.
  }
  try {
    const { said } = stream.whole();
    const meters = metersOf(said.usage);
    if (meters) return { meters, estimated: false };
    return { meters: await estimateMeters(body, protocol, textOfAnswer(said)), estimated: true };
  } catch {
    return { meters: {}, estimated: false };
  }
};
