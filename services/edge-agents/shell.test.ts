import { expect, test } from 'vitest';
import { agentTopics } from '../../topics/index.ts';
import { contextForTests } from '../runtime/context-for-tests.ts';
import { follow } from '../runtime/event.ts';
import { happened } from '../runtime/given.ts';
import { createMemoryLog, MemoryCluster } from '../runtime/memory-log.ts';
import { processorService } from '../runtime/processor.ts';
import { requestForTests } from '../runtime/request-for-tests.ts';
import { deliver } from './deliver.ts';
import { tellingProcessor } from './index.ts';

const subject = { tenant: 't', unit: 'u', agent: 'desk', person: 'p@acme.example', credential: 'k', actors: [] };
const request = requestForTests({
  id: 'r1',
  contextId: 'c1',
  subject,
  action: 'agent.send',
  resource: { type: 'agent', id: 'planner' },
  protocol: 'a2a',
  deadline: 90_000,
  fingerprint: 'f',
  message: Buffer.from(JSON.stringify({ message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'plan' }] } })),
  taskId: 'task',
});
const dispatched = happened(
  'RequestDispatched',
  {
    request,
    decision: { configurationVersion: 'v1', policies: [], reason: '' },
    target: { id: 'a2a/planner', connection: 'agent:planner', name: 'planner' },
    attempt: 1,
    tried: [],
    probe: false,
    reason: '',
    configurationVersion: 'v1',
  },
  { id: 'dispatch', key: 'c1', source: 'routing' },
);

test('an agent is told also where only the report that it was told came to be in the log', async () => {
  const log = await createMemoryLog(new MemoryCluster());
  const [report] = deliver(dispatched.data, dispatched.time);
  await log.append([dispatched, follow('edge-agents', dispatched, 0, report!.type, report!.data as never, Date.now())]);
  const onlyPlanner = { onLog: new Set(['planner']) };
  const service = processorService({ ...tellingProcessor, follows: [], initialState: () => onlyPlanner });
  const running = await service.start(contextForTests(log));
  const told = await new Promise((resolve) => {
    void log.tail([agentTopics('planner').inbox], ({ type }) => resolve(type), { from: 'beginning' });
  });
  expect(told).toBe('MessageDelivered');
  await running.stop();
});
