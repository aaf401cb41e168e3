/** What the A2A project's compatibility kit (a2a-tck) asks an agent for, by the beginnings of its messages' ids; with the SDK. */
import {
  type Answer,
  type ArtifactContent,
  type Context,
  createAgent,
  type Incoming,
  type Part,
  Rejected,
} from '../../agent-sdk/index.ts';

const file = (content: Part): Part => ({ ...content, filename: 'output.txt', mediaType: 'text/plain' });
const FILE = file({ raw: Buffer.from('file content').toString('base64') });
const DATA: Part = { data: { key: 'value', count: 42 }, mediaType: 'application/json' };
/** Twice the kit's time-out for streams. */
const SLOW = '4s';

const make = async (ctx: Context, parts: ArtifactContent['parts']): Promise<undefined> => {
  await ctx.artifact({ name: 'artifact', parts });
  return undefined;
};

/** The first that a message's id begins with. */
const behaviours: [prefix: string, act: (ctx: Context) => Promise<Answer | Incoming>][] = [
  ['tck-message-response', async () => ({ message: 'Direct message response' })],
  ['tck-stream-002', async () => ({ message: 'Direct message response' })],
  ['tck-input-required', (ctx) => ctx.ask('What next?')],
  [
    'tck-reject-task',
    () => {
      throw new Rejected('rejected');
    },
  ],
  [
    'test-resubscribe-message-id',
    async (ctx) => {
      await ctx.progress();
      await ctx.sleep(SLOW);
      return undefined;
    },
  ],
  ['tck-artifact-text', (ctx) => make(ctx, 'Generated text content')],
  ['tck-artifact-file-url', (ctx) => make(ctx, [file({ url: 'https://example.com/output.txt' })])],
  ['tck-artifact-file', (ctx) => make(ctx, [FILE])],
  ['tck-artifact-data', (ctx) => make(ctx, [DATA])],
  [
    'tck-stream-artifact-chunked',
    async (ctx) => {
      await ctx.progress();
      const artifactId = 'chunked';
      await ctx.artifact({ artifactId, parts: 'chunk-1 ', lastChunk: false });
      await ctx.artifact({ artifactId, parts: 'chunk-2', append: true, lastChunk: true });
      return undefined;
    },
  ],
  [
    'tck-stream-artifact-file',
    async (ctx) => {
      await ctx.progress();
      return await make(ctx, [FILE]);
    },
  ],
  [
    'tck-stream',
    async (ctx) => {
      await ctx.progress();
      return await make(ctx, 'Stream hello from TCK');
    },
  ],
];

const isMessage = (value: Answer | Incoming): value is Incoming =>
  typeof value === 'object' && !Array.isArray(value) && 'messageId' in value;

const answer = async (message: Incoming, ctx: Context): Promise<Answer> => {
  const [, act] = behaviours.find(([prefix]) => message.messageId.startsWith(prefix)) ?? [];
  const given = await act?.(ctx);
  if (given === undefined) return 'Hello from TCK';
  return isMessage(given) ? await answer(given, ctx) : given;
};

const card = {
  name: 'tck',
  description: 'Does what the compatibility kit of A2A asks for.',
  version: '1.0.0',
  provider: { organization: 'Example', url: 'https://example.com' },
  documentationUrl: 'https://example.com/docs',
  defaultInputModes: ['text/plain', 'application/json', 'text'],
  skills: [{ id: 'tck', name: 'TCK', description: 'Says what the kit expects.', tags: ['tck'], examples: ['hi'] }],
};

await createAgent({ name: 'tck', card }).onMessage(answer).start();
