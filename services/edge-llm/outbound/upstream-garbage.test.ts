import fc from 'fast-check';
import { expect, test } from 'vitest';
import { perform } from './upstream.ts';
import { type Answer, callTo, chunk, connectionTo, data, requestOf, startUpstream } from './upstream-for-tests.ts';

const asked: Record<string, object> = {
  'openai.chat': { model: 'fast', messages: [{ role: 'user', content: 'hi' }] },
  'openai.responses': { model: 'fast', input: 'hi' },
  'openai.embeddings': { model: 'fast', input: 'hi' },
};
const protocol = fc.constantFrom(...Object.keys(asked));

const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean());
/** Answers that are nearly right: the fields that are read, holding anything. */
const nearly = fc.record(
  {
    choices: fc.oneof(
      fc.jsonValue(),
      fc.array(
        fc.record(
          { index: leaf, delta: fc.jsonValue(), message: fc.jsonValue(), finish_reason: leaf },
          { requiredKeys: [] },
        ),
      ),
    ),
    output: fc.jsonValue(),
    data: fc.jsonValue(),
    usage: fc.oneof(fc.jsonValue(), fc.record({ prompt_tokens: leaf, completion_tokens: leaf })),
    error: fc.oneof(fc.constant(undefined), fc.jsonValue()),
    type: fc.constantFrom('response.completed', 'response.failed', 'error', 'x'),
    response: fc.jsonValue(),
    delta: leaf,
  },
  { requiredKeys: [] },
);
const good = fc.constantFrom(
  data(chunk({ content: 'a' })),
  data(chunk({ tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{' } }] })),
  data(chunk({}, 'stop')),
  data('[DONE]'),
);
const text = fc.oneof(
  { weight: 3, arbitrary: nearly.map((o) => data(o)) },
  { weight: 3, arbitrary: good },
  nearly.map((o) => JSON.stringify(o)),
  fc.string(),
  fc.string().map((s) => `data: ${s}\n\n`),
);
const answer = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 204, 400, 404, 429, 500),
  type: fc.constantFrom('text/event-stream', 'application/json'),
  texts: fc.array(text, { maxLength: 6 }),
  ends: fc.constantFrom('end', 'end', 'reset'),
});

test('whatever an upstream sends, a call ends exactly once, and nothing follows its end', async () => {
  let next: Answer = () => {};
  const upstream = await startUpstream((request, response) => next(request, response));
  const connection = connectionTo(upstream.url, { interfaces: ['chat', 'embeddings'], maxResponseBytes: 10_000 });
  const call = callTo('', { connection, secret: 'sk-secret' });
  const both = { ...connection, interfaces: ['chat', 'responses', 'embeddings'] };
  await fc.assert(
    fc.asyncProperty(protocol, fc.boolean(), fc.boolean(), answer, async (of, streaming, native, sent) => {
      next = (_, response) => {
        response.on('error', () => {});
        response.writeHead(sent.status, { 'content-type': sent.type });
        for (const part of sent.texts) response.write(part);
        if (sent.ends === 'end') response.end();
        else response.socket?.resetAndDestroy();
      };
      const request = requestOf(asked[of]!, { protocol: of, streaming });
      const kinds: string[] = [];
      for await (const performed of perform({ ...call, request, connection: native ? both : connection })) {
        kinds.push(performed.kind);
        if (performed.kind === 'chunk') expect(performed.payload.toString()).toMatch(/^(id|event|data): .*\n\n$/s);
        else {
          for (const value of Object.values(performed.meters))
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          if (performed.kind === 'completed') JSON.parse(performed.message.toString());
          if (performed.kind === 'failed') expect(performed.failure.reason).not.toBe('UNSPECIFIED');
        }
      }
      expect(kinds.filter((kind) => kind !== 'chunk')).toEqual([kinds.at(-1)]);
    }),
    { numRuns: 400 },
  );
}, 60_000);
