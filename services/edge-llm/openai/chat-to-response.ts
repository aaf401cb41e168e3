import { createResponseEvents } from './chat-chunks-to-response-events.ts';
import { arrayOf, isObject, type JsonObject, objectOf } from './json.ts';

/**
 * A chat.completion as the response object that answers a responses request: the same as its stream would come to.
 * @param request the responses request.
 * @param base what the ids of the response and its items are made from.
 * @param now seconds since the epoch.
 */
export const toResponse = (completion: JsonObject, request: JsonObject, base: string, now: number): JsonObject => {
  const choices = arrayOf(completion.choices)
    .filter(isObject)
    .map(({ message, ...choice }) => {
      const { tool_calls: calls, ...said } = objectOf(message);
      const indexed = arrayOf(calls).map((call, index) => ({ ...objectOf(call), index }));
      return { ...choice, delta: { ...said, tool_calls: indexed } };
    });
  const events = createResponseEvents(request, base, now);
  events.add({ ...completion, choices });
  events.end(now);
  return events.response();
};
