/**
 * Tools that ask the client, as the scenarios of @modelcontextprotocol/conformance call them. A handler that asks returns
 * `inputRequired`, which the SDK turns into questions of its own where the client is of a revision before 2026-07-28.
 */
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type CreateMessageResult,
  createRequestStateCodec,
  type InputRequests,
  inputRequired,
  inputResponse,
} from '@modelcontextprotocol/server';
import type { Tools } from './tools.ts';
import { object, saying, text } from './tools.ts';

const string = { type: 'string' };
export const rounds = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) });

const form = (message: string, properties: object) =>
  inputRequired.elicit({ message, requestedSchema: object(properties, Object.keys(properties)) as never });
const sample = (prompt: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: text(prompt) }], maxTokens });
const sampled = ({ content }: CreateMessageResult): string => (content.type === 'text' ? content.text : content.type);

type Answers = Record<string, unknown> | undefined;

/** What the client did with a form, in words; undefined before it was shown one. */
const filledIn = (answers: Answers, key: string): string | undefined => {
  const view = inputResponse(answers, key);
  return view.kind === 'elicit' ? `action=${view.action}, content=${JSON.stringify(view.content ?? {})}` : undefined;
};

const completion = (answers: Answers, key: string): string | undefined => {
  const view = inputResponse(answers, key);
  return view.kind === 'sampling' ? sampled(view.result as CreateMessageResult) : undefined;
};

const roots = (answers: Answers, key: string): string | undefined => {
  const view = inputResponse(answers, key);
  return view.kind === 'roots' ? view.roots.map(({ uri }) => uri).join(', ') : undefined;
};

const nameOf = (answers: Answers, key: string): string | undefined =>
  acceptedContent<{ name?: string }>(answers, key)?.name;

const options = ['option1', 'option2', 'option3'];
const titled = (...titles: string[]) => titles.map((title, i) => ({ const: `value${i + 1}`, title }));

/** A tool that shows a form and says what came of it. */
const showing = (message: string, properties: object): Tools[string] => ({
  run: (_, { mcpReq }) => {
    const done = filledIn(mcpReq.inputResponses, 'form');
    return done
      ? saying(`Elicitation completed: ${done}`)
      : inputRequired({
          inputRequests: {
            form: inputRequired.elicit({ message, requestedSchema: object(properties) as never }),
          },
        });
  },
});

const confirmed: Tools[string] = {
  run: async (_, { mcpReq }) =>
    mcpReq.requestState() && acceptedContent(mcpReq.inputResponses, 'confirm')
      ? saying('state-ok')
      : inputRequired({
          inputRequests: { confirm: form('Please confirm', { ok: { type: 'boolean' } }) },
          requestState: await rounds.mint({ step: 'confirm' }),
        }),
};

export const asking: Tools = {
  test_sampling: {
    schema: object({ prompt: string }, ['prompt']),
    run: ({ prompt }, { mcpReq }) => {
      const said = completion(mcpReq.inputResponses, 'answer');
      return said === undefined
        ? inputRequired({ inputRequests: { answer: sample(String(prompt), 100) } })
        : saying(`LLM response: ${said}`);
    },
  },
  test_elicitation: {
    schema: object({ message: string }, ['message']),
    run: ({ message }, { mcpReq }) => {
      const done = filledIn(mcpReq.inputResponses, 'user');
      const fields = {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      };
      return done
        ? saying(`User response: ${done}`)
        : inputRequired({ inputRequests: { user: form(String(message), fields) } });
    },
  },
  test_elicitation_sep1034_defaults: showing('Please check', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  }),
  test_elicitation_sep1330_enums: showing('Please choose', {
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } },
  }),
  test_missing_capability: {
    run: (_, { mcpReq }) => {
      const said = completion(mcpReq.inputResponses, 'pong');
      return said === undefined
        ? inputRequired({ inputRequests: { pong: sample('Say pong', 16) } })
        : saying(`It said ${said}`);
    },
  },
  test_streaming_elicitation: { run: () => saying('Nothing was asked on the stream') },
  test_input_required_result_elicitation: {
    run: (_, { mcpReq }) => {
      const name = nameOf(mcpReq.inputResponses, 'user_name');
      return typeof name === 'string'
        ? saying(`Hello, ${name}!`)
        : inputRequired({ inputRequests: { user_name: form('What is your name?', { name: string }) } });
    },
  },
  test_input_required_result_sampling: {
    run: (_, { mcpReq }) => {
      const said = completion(mcpReq.inputResponses, 'capital_question');
      return said === undefined
        ? inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?', 100) } })
        : saying(said);
    },
  },
  test_input_required_result_list_roots: {
    run: (_, { mcpReq }) => {
      const given = roots(mcpReq.inputResponses, 'client_roots');
      return given === undefined
        ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
        : saying(`Roots: ${given}`);
    },
  },
  test_input_required_result_request_state: confirmed,
  test_input_required_result_tampered_state: confirmed,
  test_input_required_result_multiple_inputs: {
    run: async (_, { mcpReq: { inputResponses: answers } }) => {
      const [name, greeting] = [nameOf(answers, 'user_name'), completion(answers, 'greeting')];
      const given = roots(answers, 'client_roots');
      if (name !== undefined && greeting !== undefined && given !== undefined)
        return saying(`${greeting}, ${name}, at ${given}`);
      return inputRequired({
        inputRequests: {
          user_name: form('What is your name?', { name: string }),
          greeting: sample('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await rounds.mint({ step: 'all' }),
      });
    },
  },
  test_input_required_result_multi_round: {
    run: async (_, { mcpReq }) => {
      const state = mcpReq.requestState<{ name?: string }>();
      if (state?.name === undefined) {
        const name = nameOf(mcpReq.inputResponses, 'step1');
        return name === undefined
          ? inputRequired({
              inputRequests: { step1: form('Step 1: What is your name?', { name: string }) },
              requestState: await rounds.mint({}),
            })
          : inputRequired({
              inputRequests: { step2: form('Step 2: What is your favorite color?', { color: string }) },
              requestState: await rounds.mint({ name }),
            });
      }
      const color = acceptedContent<{ color: string }>(mcpReq.inputResponses, 'step2')?.color;
      return saying(`${state.name} likes ${color}`);
    },
  },
  test_input_required_result_capabilities: {
    run: (_, { mcpReq }) => {
      if (mcpReq.inputResponses) return saying('Thank you');
      const envelope = mcpReq.envelope as Record<string, unknown> | undefined;
      const can = (envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
      const inputRequests: InputRequests = {
        ...(can.elicitation && { user_name: form('What is your name?', { name: string }) }),
        ...(can.sampling && { greeting: sample('Generate a greeting', 50) }),
        ...(can.roots && { client_roots: inputRequired.listRoots() }),
      };
      return Object.keys(inputRequests).length > 0 ? inputRequired({ inputRequests }) : saying('You can nothing');
    },
  },
};
