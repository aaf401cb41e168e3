/** The body of a call, as the inbound edge reads it before anything else looks at it. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { answerOf } from '../../services/edge-llm/openai/errors.ts';
import { isObject, parseObject } from '../../services/edge-llm/openai/json.ts';
import { memberOf, withMembers } from '../../services/edge-llm/openai/json-bytes.ts';
import type { Protocol } from '../../services/edge-llm/openai/protocol.ts';
import { readRequest } from '../../services/edge-llm/openai/read-request.ts';
import { toChatRequest } from '../../services/edge-llm/openai/responses-to-chat.ts';
import { holds, type Target } from '../target.ts';
import { isErrorAnswer } from './openai-error.ts';

const protocols: readonly Protocol[] = ['openai.chat', 'openai.responses', 'openai.embeddings'];

const message = fc.record(
  {
    role: fc.constantFrom('user', 'system', 'assistant', 'tool', 'developer'),
    content: fc.jsonValue(),
    tool_calls: fc.jsonValue(),
  },
  { requiredKeys: ['role'] },
);
const body = fc.record(
  {
    model: fc.oneof(fc.string(), fc.jsonValue()),
    messages: fc.oneof(fc.array(message), fc.jsonValue()),
    input: fc.oneof(fc.string(), fc.array(fc.oneof(message, fc.record({ type: fc.string(), call_id: fc.string() })))),
    stream: fc.jsonValue(),
    stream_options: fc.jsonValue(),
    temperature: fc.double(),
    max_tokens: fc.integer(),
    n: fc.jsonValue(),
    tools: fc.jsonValue(),
    tool_choice: fc.jsonValue(),
    instructions: fc.jsonValue(),
    text: fc.jsonValue(),
    reasoning: fc.jsonValue(),
  },
  { requiredKeys: ['model'] },
);

const checkTranslation = (asked: Record<string, unknown>) => {
  const { chat, problem } = toChatRequest(asked);
  if (problem) return holds(isErrorAnswer(answerOf(problem)), 'what cannot be translated is refused in OpenAI form');
  holds(parseObject(JSON.stringify(chat)), 'a translated request is a JSON object');
};

const checkBytes = (bytes: Buffer, parsed: Record<string, unknown>) => {
  const changed = parseObject(withMembers(bytes, { model: '"another"' }).toString());
  // A key that is given twice, or escaped, is seen as JSON.parse sees it. As text: an object written anew has 0 for -0.
  const expected = { ...(JSON.parse(bytes.toString()) as object), model: 'another' };
  holds(JSON.stringify(changed) === JSON.stringify(expected), 'another model changes nothing else', () =>
    JSON.stringify(changed),
  );
  for (const key of ['model', 'stream_options', '__proto__'])
    holds(
      isDeepStrictEqual(memberOf(bytes, key), Object.hasOwn(parsed, key) ? parsed[key] : undefined),
      'a member is what JSON.parse finds',
      () => key,
    );
};

/** The first byte says which interface is spoken. */
export const target: Target = {
  name: 'http-body',
  dictionary: [
    ...['"model":', '"small"', '"messages":', '"role":', '"user"', '"content":', '"stream":true', '"stream_options":'],
    ...[
      '"include_usage":true',
      '"input":',
      '"type":',
      '"input_text"',
      '"function_call_output"',
      '"call_id":',
      '"tools":',
    ],
    ...['"tool_choice":', '"function"', '"allowed_tools"', '"instructions":', '"text":{"format":', '"json_schema"'],
    ...['"model":null,', '"\\u006dodel":', '"__proto__":{', '"background":', '"reasoning":', '"previous_response_id":'],
  ],
  structured: fc
    .tuple(fc.nat(2), body)
    .map(([which, json]) => Buffer.concat([Buffer.from([which]), Buffer.from(JSON.stringify(json))])),
  run: (input) => {
    const protocol = protocols[(input[0] ?? 0) % protocols.length]!;
    const bytes = input.subarray(1);
    const { request, problem } = readRequest(bytes, protocol);
    if (problem) {
      const answer = answerOf(problem);
      holds(answer.status < 500 && isErrorAnswer(answer), 'a bad body is answered with 4xx in OpenAI form');
      return;
    }
    holds(isObject(request.body) && request.model === request.body.model, 'what is read is what was sent');
    checkBytes(bytes, request.body);
    if (protocol === 'openai.responses') checkTranslation(request.body);
  },
};
