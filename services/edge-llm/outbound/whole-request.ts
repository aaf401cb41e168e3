import type * as mesh from '../../../schemas/generated.ts';
import type { Log } from '../../runtime/log.ts';
import type { Dispatch } from '../../runtime/outbound/outcomes.ts';
import type { RecentMessages } from '../recent-messages.ts';
import { heldElsewhere, wholeBody } from '../whole-body.ts';

/** Reads that go on at the same time for one request. */
const AT_ONCE = 64;

export type WholeRequestOf = (dispatch: Dispatch) => Promise<mesh.Request | undefined>;

const messageOf = async (log: Log, partition: number, offset: number): Promise<Buffer | undefined> => {
  const record = await log.read('mesh.requests', partition, offset);
  try {
    return record?.type === 'RequestReceived' ? record.data.request.message : undefined;
  } catch {
    // Another record has its place, or it is broken: either way the part is not there.
    return undefined;
  }
};

/**
 * Puts the body of a dispatch's request together from the records that hold its parts.
 * @returns the request with its whole body as its message; undefined where a part is no longer in the log.
 * The function throws PARLEY_LOG_UNAVAILABLE where that could not be found out.
 */
export const wholeRequests =
  (log: Log, recent: RecentMessages): WholeRequestOf =>
  async ({ partition, data: { request } }) => {
    if (request.spans.length === 0) return request;
    const find = async (atHand: (offset: number) => Buffer | undefined): Promise<Buffer | undefined> => {
      const messages = new Map<number, Buffer | undefined>();
      const findOne = async (offset: number) => {
        const known = atHand(offset);
        const message = known ?? (await messageOf(log, partition, offset));
        messages.set(offset, message);
        if (message && !known) recent.put(partition, offset, message);
      };
      const offsets = heldElsewhere(request);
      while (offsets.length > 0) await Promise.all(offsets.splice(0, AT_ONCE).map(findOne));
      return wholeBody(request, (offset) => messages.get(offset));
    };
    // What is at hand is another record's where a topic was deleted and made anew.
    const message = (await find((offset) => recent.get(partition, offset))) ?? (await find(() => undefined));
    return message && { ...request, message, spans: [] };
  };
