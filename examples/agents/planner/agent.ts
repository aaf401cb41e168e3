// An agent on the log that thinks with a model and asks another agent.
//   mesh.yaml, agents:  planner: { unit: research, owner: owner@example.com, log: true }   (and researcher: see ../http-sdk)
//   npm run -s parley -- dev examples/agents/planner/agent.ts
import { createAgent, textOf } from '../../../agent-sdk/index.ts';

export const agent = createAgent({
  name: 'planner',
  card: {
    name: 'planner',
    description: 'Makes a plan, has its facts found, and asks before it is done.',
    version: '1.0.0',
    skills: [{ id: 'plan', name: 'Plan', description: 'Plans what it is asked to.', tags: ['planning'] }],
  },
}).onMessage(async (message, ctx) => {
  const request = `Plan this in three steps: ${message.text}`;
  const { text: plan } = await ctx.llm({ model: 'example-small', messages: [{ role: 'user', content: request }] });
  await ctx.progress('The plan is made; its facts are being found.');
  const facts = await ctx.agent('researcher').send(plan);
  await ctx.artifact({ name: 'plan', parts: `${plan}\n\n${textOf(facts)}` });
  const answer = await ctx.ask('Is this what you need?');
  return /^y/i.test(answer.text) ? 'Here is your plan.' : `Not yet, then: ${answer.text}`;
});

if (import.meta.main) await agent.start();
