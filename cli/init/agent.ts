import { createAgent } from '../../agent-sdk/index.ts';

export const agent = createAgent({
  name: 'new-agent',
  card: {
    name: 'new-agent',
    description: 'Answers in a sentence, and asks whether that will do.',
    version: '0.1.0',
    skills: [{ id: 'answer', name: 'Answer', description: 'Answers a question in a sentence.', tags: ['answer'] }],
  },
}).onMessage(async (message, ctx) => {
  const question = `In one sentence: ${message.text}`;
  const { text } = await ctx.llm({ model: 'example-small', messages: [{ role: 'user', content: question }] });
  const answer = await ctx.ask(`${text}\nWill that do?`);
  ctx.log.info('answered', { satisfied: answer.text });
  return text;
});

if (import.meta.main) await agent.start();
