/** Inbound and outbound together over one log, policy and routing played by the test, the official client in front. */

import OpenAI from 'openai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contextForTests } from '../runtime/context-for-tests.ts';
import { newId } from '../runtime/event.ts';
import { createMemoryLog } from '../runtime/memory-log.ts';
import { createWorld, KEY, type World } from './inbound/harness.ts';
import { defaultOutboundTimes, startOutbound } from './outbound/outbound.ts';
import {
  type Answer,
  chunk,
  completion,
  connectionTo,
  data,
  json,
  startUpstream,
  stream,
  target,
} from './outbound/upstream-for-tests.ts';

let world: World;
const undo: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  await world.close();
});

/** A mesh with one target, which answers as told. */
const client = async (answer: Answer): Promise<OpenAI> => {
  const upstream = await startUpstream(answer);
  const log = await createMemoryLog(world.cluster);
  const connections = [connectionTo(upstream.url)];
  const outbound = await startOutbound(
    contextForTests(log, { configuration: () => ({ ...world.configuration.current!, connections }) }),
    { ...defaultOutboundTimes, graceMs: 100 },
  );
  undo.push(() => log.crash(), outbound.stop);
  const decision = { configurationVersion: 'test', policies: ['all'], reason: 'allowed' };
  world.behave(({ request }) =>
    log.append([
      {
        id: newId(),
        type: 'RequestDispatched',
        source: 'routing',
        key: request.contextId,
        time: Date.now(),
        correlationId: request.id,
        causationId: 'permitted',
        traceparent: '',
        data: {
          request,
          decision,
          target,
          attempt: 1,
          tried: [],
          probe: false,
          reason: '',
          configurationVersion: 'test',
        },
      },
    ]),
  );
  const edge = await world.edge();
  return new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1`, maxRetries: 0 });
};

const messages = [{ role: 'user' as const, content: 'hi' }];
const streamOrWhole: Answer = (request, response) => {
  if (JSON.parse(request.body).stream !== true) return json(response, completion('Hello there'));
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  stream(response, [
    data(chunk({ role: 'assistant', content: 'Hello' }, null, { usage: null })),
    data(chunk({ content: ' there' }, null, { usage: null })),
    data(chunk({}, 'stop', { usage: null })),
    data({ ...chunk({}), choices: [], usage }),
    data('[DONE]'),
  ]);
};

test('chat, whole and streamed', async () => {
  const openai = await client(streamOrWhole);
  const whole = await openai.chat.completions.create({ model: 'small', messages });
  expect(whole.choices[0]?.message.content).toBe('Hello there');
  const streamed = openai.chat.completions.stream({ model: 'small', messages });
  expect(await streamed.finalContent()).toBe('Hello there');
  const counted = openai.chat.completions.stream({ model: 'small', messages, stream_options: { include_usage: true } });
  expect(await counted.totalUsage()).toMatchObject({ total_tokens: 10 });
});

test('responses of a target that has chat only, whole and streamed', async () => {
  const openai = await client(streamOrWhole);
  expect((await openai.responses.create({ model: 'small', input: 'hi' })).output_text).toBe('Hello there');
  const final = await openai.responses.stream({ model: 'small', input: 'hi' }).finalResponse();
  expect(final).toMatchObject({ status: 'completed', output_text: 'Hello there', usage: { total_tokens: 10 } });
});

test('an upstream’s refusal, and a stream that breaks off', async () => {
  const openai = await client((request, response) => {
    if (JSON.parse(request.body).stream === true) return stream(response, [data(chunk({ content: 'Hel' }))]);
    json(
      response,
      {
        error: {
          message: 'too long',
          type: 'invalid_request_error',
          param: 'messages',
          code: 'context_length_exceeded',
        },
      },
      400,
    );
  });
  await expect(openai.chat.completions.create({ model: 'small', messages })).rejects.toMatchObject({
    status: 400,
    code: 'context_length_exceeded',
    param: 'messages',
  });
  const streamed = openai.chat.completions.stream({ model: 'small', messages });
  await expect(streamed.finalContent()).rejects.toThrow(/broke off/);
});
