/** What many agents on the log cost while they say nothing, and what a message to one of them takes. */
import { newId } from '../../services/runtime/event.ts';
import type { Event } from '../../services/runtime/log.ts';
import { KEY } from '../call.ts';
import { runLoad, startChild } from '../children.ts';
import { conditions } from '../conditions.ts';
import { measureRest, read, untilQuiet } from '../gauges.ts';
import type { LoadResult } from '../load.ts';
import { type Mesh, prepareMesh, withLog } from '../scale/cluster.ts';
import { writeMeshFile } from './mesh-file.ts';
import { type Site, untilCarded, withServices } from './site.ts';

const REST_MS = 10_000;
const PRIMING = { warmUpMs: 500, durationMs: 5_000 };
const ANNOUNCED_AT_ONCE = 100;

export interface RegisteredAgents {
  registered: number;
  load: number;
  /** To make their topics, and the others of the mesh, and to put the configuration in force. */
  appliedMs: number;
  readyMs: number;
  /** Cores used with no calls. */
  atRest: { parley: number; broker: number };
  rssBytes: { parley: number; broker: number };
  /** Messages to one of them. */
  messages: { inFlight: number; load: LoadResult }[];
  faults: string[];
}

export interface RegisteredPlan {
  registered: readonly number[];
  inFlight: readonly number[];
  warmUpMs: number;
  durationMs: number;
}

const nameOf = (i: number) => `agent-${i}`;

const announced = (agent: string): Event<'AgentAnnounced'> => {
  const card = {
    name: agent,
    description: 'Says nothing.',
    version: '1',
    capabilities: {},
    supportedInterfaces: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'nothing', name: 'Nothing', description: 'Says nothing.', tags: ['bench'] }],
  };
  return {
    id: newId(),
    type: 'AgentAnnounced',
    source: `agent/${agent}`,
    key: agent,
    time: Date.now(),
    correlationId: `agent/${agent}`,
    causationId: '',
    traceparent: '',
    data: { agent, card: Buffer.from(JSON.stringify(card)) },
  };
};

const announceAll = (mesh: Mesh, names: readonly string[]): Promise<void> =>
  withLog(mesh, async (log) => {
    for (let done = 0; done < names.length; done += ANNOUNCED_AT_ONCE)
      await log.append(names.slice(done, done + ANNOUNCED_AT_ONCE).map(announced));
  });

const measureRegistered = async (registered: number, plan: RegisteredPlan, site: Site): Promise<RegisteredAgents> => {
  const { cluster, say, signal } = site;
  const step = (what: string) => say(`${registered} agents: ${what}`);
  const names = Array.from({ length: registered }, (_, i) => nameOf(i));
  const file = writeMeshFile(cluster.directory, Object.fromEntries(names.map((name) => [name, { log: true }])));
  step('topics, schemas and configuration');
  const began = performance.now();
  const mesh = await prepareMesh(cluster, `many${registered}.`, '', file);
  const appliedMs = performance.now() - began;
  const [one = '', ...others] = names;
  await announceAll(mesh, others);
  const { load } = conditions();
  const agent = await startChild('agents/log-agent.ts', [one], mesh.environment);
  step('the services start');
  return await withServices(mesh, [], site, async ({ readyMs, pids, urlOf }) => {
    for (const name of [one, names.at(-1)!]) await untilCarded(urlOf(name), signal);
    step('at rest');
    await untilQuiet(pids, 0.1, signal);
    const atRest = await measureRest(pids, REST_MS, signal);
    const { parley, broker } = read(pids);
    const messages: RegisteredAgents['messages'] = [];
    const send = (inFlight: number, timing: { warmUpMs: number; durationMs: number }) =>
      runLoad(
        { url: urlOf(one), key: KEY, stream: false, a2a: { method: 'SendMessage' }, inFlight, ...timing },
        signal,
      );
    step('warming up');
    await send(16, PRIMING);
    const { warmUpMs, durationMs } = plan;
    for (const inFlight of plan.inFlight) {
      step(`${inFlight} messages in flight`);
      messages.push({ inFlight, load: await send(inFlight, { warmUpMs, durationMs }) });
    }
    return {
      registered,
      load,
      appliedMs,
      readyMs,
      atRest,
      rssBytes: { parley: parley.rssBytes, broker: broker.rssBytes },
      messages,
      faults: messages.flatMap(({ load }) => load.firstFault ?? []),
    };
  }).finally(agent.stop);
};

/** One mesh after the other, on one broker: those before lie idle. */
export const measureAgents = async (plan: RegisteredPlan, site: Site): Promise<RegisteredAgents[]> => {
  const measured: RegisteredAgents[] = [];
  for (const registered of plan.registered.toSorted((a, b) => a - b))
    measured.push(await measureRegistered(registered, plan, site));
  return measured;
};
