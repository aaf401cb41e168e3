// An agent on the log that takes ten steps, each of them durable: kill it where you like, start it again, and it goes on.
//   mesh.yaml, agents:  surveyor: { unit: research, owner: owner@example.com, log: true }
//   npm run -s parley -- dev examples/agents/surveyor/agent.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { createAgent } from '../../../agent-sdk/index.ts';

const PLACES = ['the harbour', 'the market', 'the bridge', 'the tower', 'the park'];
const WORK_MS = 300;

export const agent = createAgent({
  name: 'surveyor',
  card: {
    name: 'surveyor',
    description: 'Looks at five places, asks a model about each, and reports.',
    version: '1.0.0',
    skills: [{ id: 'survey', name: 'Survey', description: 'Surveys a town.', tags: ['example'] }],
  },
}).onMessage(async (_message, ctx) => {
  const found: string[] = [];
  for (const place of PLACES) {
    const seen = await ctx.step(`look at ${place}`, async () => {
      await sleep(WORK_MS);
      return `${place}, seen by process ${process.pid}`;
    });
    await ctx.llm({ model: 'example-small', messages: [{ role: 'user', content: `Describe ${place}.` }] });
    found.push(seen);
  }
  return found.join('; ');
});

if (import.meta.main) await agent.start();
