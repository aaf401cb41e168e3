import type { Request } from '../schemas/generated.ts';
import { wholeBody } from '../services/edge-llm/whole-body.ts';
import type { AnyRecorded } from '../services/runtime/log.ts';

const requestOf = (event: AnyRecorded): Request | null | undefined => {
  try {
    return (event.data as { request?: Request | null }).request;
  } catch {
    return undefined;
  }
};

/** Puts the bodies of requests together again, of which a record holds only what is new. */
export interface WholeRequests {
  /**
   * @param events of one conversation, all of those that are there, or what came after those given before.
   * @returns them with each request's whole body as its message; where a part is missing, the event as it is.
   */
  of(events: readonly AnyRecorded[]): AnyRecorded[];
}

export const createWholeRequests = (): WholeRequests => {
  const messages = new Map<number, Buffer>();
  const whole = (event: AnyRecorded): AnyRecorded => {
    const request = requestOf(event);
    if (!request || request.spans.length === 0) return event;
    const message = wholeBody(request, (offset) => messages.get(offset));
    if (!message) return event;
    const value = { ...event.data, request: { ...request, message, spans: [] } };
    return Object.create(event, { data: { value, enumerable: true } }) as AnyRecorded;
  };
  return {
    of: (events) => {
      for (const event of events) {
        const request = event.type === 'RequestReceived' ? requestOf(event) : undefined;
        if (request) messages.set(event.offset, request.message);
      }
      return events.map(whole);
    },
  };
};
