/** The official suite's scenarios for tasks, every request at another of two instances, with the tools that they call. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventType, TopicName } from '../../../../topics/index.ts';
import { createWorld, KEY, type Mesh, text, type World } from '../harness.ts';

const SUITE = join(import.meta.dirname, '../../../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const WORK_MS = 1_000;
/** Below the least that the scenarios have tools take. */
const TASK_MS = 700;

const params = { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } };
const elicitation = { method: 'elicitation/create', params };

let world: World;
let url = '';
const out = mkdtempSync(join(tmpdir(), 'parley-mcp-tasks-'));

const heard = (topic: TopicName, type: EventType, { request }: Mesh) =>
  world.events(topic, type).filter(({ correlationId }) => correlationId === request.id).length;

/** Asks so many questions at once, and ends when all are answered. */
const asking = async (mesh: Mesh, questions: number) => {
  for (let i = 1; i <= questions; i++) await mesh.chunk({ id: `1-${i}`, ...elicitation });
  while (heard('mesh.inputs', 'InputProvided', mesh) < questions) {
    if (heard('mesh.cancellations', 'CancelRequested', mesh) > 0) return mesh.fail('CANCELLED', 'Nobody waits.');
    await sleep(10);
  }
  return mesh.complete(text('answered'));
};
const working = async (mesh: Mesh, ms: number, outcome: Parameters<Mesh['complete']>[0]) => {
  for (let left = ms; left > 0; left -= 20) {
    if (heard('mesh.cancellations', 'CancelRequested', mesh) > 0) return mesh.fail('CANCELLED', 'Nobody waits.');
    await sleep(20);
  }
  return mesh.complete(outcome);
};

interface Called {
  arguments?: { name?: string; seconds?: number };
  inputResponses?: object;
}
const tools: Record<string, (mesh: Mesh, called: Called) => Promise<unknown>> = {
  greet: (mesh, called) => mesh.complete(text(`Hello, ${called.arguments?.name}!`)),
  slow_compute: (mesh, called) => working(mesh, (called.arguments?.seconds ?? 0) * 1_000, text('computed')),
  failing_job: (mesh) => working(mesh, WORK_MS, { result: { ...text('failed').result, isError: true } }),
  protocol_error_job: (mesh) => working(mesh, WORK_MS, { error: { code: -32603, message: 'panic' } }),
  confirm_delete: (mesh) => asking(mesh, 1),
  multi_input: (mesh) => asking(mesh, 2),
  test_tool_with_task: (mesh, { inputResponses }) =>
    inputResponses
      ? working(mesh, WORK_MS, text(JSON.stringify(inputResponses)))
      : mesh.complete({
          result: { resultType: 'input_required', inputRequests: { name: elicitation }, requestState: 'its-own' },
        }),
};

beforeAll(async () => {
  world = await createWorld();
  for (const name of Object.keys(tools))
    await world.offer('files', 'TOOL', name, { name, inputSchema: { type: 'object' } });
  world.behave((mesh) => tools[String(mesh.message.params.name)]!(mesh, mesh.message.params));
  const edges = [await world.edge({ taskMs: TASK_MS }), await world.edge({ taskMs: TASK_MS })];
  let served = 0;
  const balancer = createServer((incoming, response) => {
    const { port } = new URL(edges[served++ % edges.length]!.url);
    const headers = { ...incoming.headers, authorization: `Bearer ${KEY}` };
    const { url: path, method } = incoming;
    incoming.pipe(
      forward({ port, path, method, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve));
  world.undo.push(async () => {
    balancer.close();
    balancer.closeAllConnections();
  });
  url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/mcp/files`;
});
afterAll(async () => {
  await world.close();
  rmSync(out, { recursive: true, force: true });
});

test.each([
  ['tasks-lifecycle', 9],
  ['tasks-capability-negotiation', 5],
  ['tasks-wire-fields', 4],
  ['tasks-request-state-removal', 3],
  ['tasks-mrtr-input', 4],
  ['tasks-request-headers', 5],
  ['tasks-dispatch-and-envelope', 9],
  ['tasks-mrtr-composition', 2],
])('%s', { timeout: 90_000, concurrent: true }, async (scenario, passed) => {
  const at = join(out, scenario);
  // Of an extension's scenarios no revision's suite is made.
  const options = ['--url', url, '--scenario', scenario, '--force', '--timeout', '80000', '-o', at];
  await promisify(execFile)(process.execPath, [SUITE, 'server', ...options]).catch(
    (error: Error & { code?: number }) => {
      if (error.code !== 1) throw error;
    },
  );
  const [ran] = readdirSync(at);
  const checks: { id: string; status: string; errorMessage?: string }[] = JSON.parse(
    readFileSync(join(at, ran!, 'checks.json'), 'utf8'),
  );
  expect(checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')).toEqual([]);
  expect(checks.filter(({ status }) => status === 'SUCCESS')).toHaveLength(passed);
});
