/** The response object of OpenAI's responses interface, as the mesh states it for a target that serves chat only. */
import { arrayOf, isObject, type JsonObject, objectOf } from './json.ts';

/** What a response repeats of its request, with OpenAI's defaults; null where neither says. */
const echoed: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  user: null,
};

/**
 * A response in progress.
 * @param createdAt seconds since the epoch, as the interface has it.
 */
export const beginResponse = (request: JsonObject, id: string, model: unknown, createdAt: number): JsonObject => {
  const { effort = null, summary = null } = objectOf(request.reasoning);
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status: 'in_progress',
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    model: model ?? request.model,
    output: [],
    // What was asked of the mesh is not kept at the target, whatever `store` said: so says the answer.
    store: false,
    previous_response_id: null,
    ...Object.fromEntries(Object.entries(echoed).map(([field, otherwise]) => [field, request[field] ?? otherwise])),
    reasoning: { effort, summary },
    text: { format: { type: 'text' }, ...objectOf(request.text) },
    truncation: 'disabled',
    usage: null,
  };
};

/** Chat's usage in the words of responses; null where there is none. */
export const responseUsage = (usage: unknown): JsonObject | null => {
  if (!isObject(usage)) return null;
  const { prompt_tokens: input = 0, completion_tokens: output = 0, total_tokens: total } = usage;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: objectOf(usage.prompt_tokens_details).cached_tokens ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: objectOf(usage.completion_tokens_details).reasoning_tokens ?? 0 },
    total_tokens: total ?? Number(input) + Number(output),
  };
};

/** How a chat choice ended, in the words of responses. */
export const endOf = (finishReason: unknown): { status: string; incomplete_details: JsonObject | null } => {
  if (finishReason === 'length') return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
  if (finishReason === 'content_filter')
    return { status: 'incomplete', incomplete_details: { reason: 'content_filter' } };
  return { status: 'completed', incomplete_details: null };
};

/** Chat's citations in the words of responses. */
export const annotationsOf = (annotations: unknown): JsonObject[] =>
  arrayOf(annotations)
    .filter(isObject)
    .map(({ type, url_citation: citation, ...rest }) =>
      isObject(citation) ? { type, ...citation, ...rest } : { type, ...rest },
    );
