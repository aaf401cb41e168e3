/** What the mesh adds to a message to an agent: an HTTP agent, direct and through the mesh in turn, and an agent on the log. */
import { KEY } from '../call.ts';
import { startChild } from '../children.ts';
import { measure, type Plan, type Run, type Setting, settings } from '../compare.ts';
import { type AtRest, type Measured, measureInTurn, PRIMING, PRIMING_PLAN, type Step } from '../in-turn.ts';
import { useOf } from '../process-stats.ts';
import { prepareMesh } from '../scale/cluster.ts';
import { type Spread, spread } from '../statistics.ts';
import { writeMeshFile } from './mesh-file.ts';
import { type Site, untilCarded, withServices } from './site.ts';

/** http: an A2A server; log: an agent on the log, which can only be asked through the mesh. */
export type Kind = 'http' | 'log';

export interface AgentRun extends Run {
  agent: Kind;
  /** Of the agent's own process, microseconds per call. */
  agentCpuUsPerCall: number;
}

export interface AddedRow {
  agent: Kind;
  stream: boolean;
  inFlight: number;
  /** Milliseconds: of whole calls, or of streams to the first event. */
  p50: Spread;
  p99: Spread;
  /** The difference within a round; undefined where there is no direct way. */
  addedP50: Spread | undefined;
  addedP99: Spread | undefined;
  /** Tasks a second. */
  rate: Spread;
  directRate: Spread | undefined;
  /** Microseconds per task. */
  cpu: Spread;
  brokerCpu: Spread;
  agentCpu: Spread;
  failed: number;
}

const latency = ({ stream, load }: AgentRun) => (stream ? load.firstByteUs : load.callUs);

const rowOf = (runs: readonly AgentRun[]): AddedRow => {
  const { agent, stream, inFlight } = runs[0]!;
  const through = runs.filter(({ via }) => via === 'parley');
  const direct = runs.filter(({ via }) => via === 'direct');
  const at = (of: 'p50' | 'p99') => spread(through.map((run) => latency(run)[of] / 1000));
  const added = (of: 'p50' | 'p99') =>
    direct.length === 0
      ? undefined
      : spread(
          through.flatMap((run) => {
            const other = direct.find(({ round }) => round === run.round);
            return other ? [(latency(run)[of] - latency(other)[of]) / 1000] : [];
          }),
        );
  return {
    agent,
    stream,
    inFlight,
    p50: at('p50'),
    p99: at('p99'),
    addedP50: added('p50'),
    addedP99: added('p99'),
    rate: spread(through.map(({ load }) => load.rate)),
    directRate: direct.length === 0 ? undefined : spread(direct.map(({ load }) => load.rate)),
    cpu: spread(through.map(({ cpuUsPerCall }) => cpuUsPerCall.parley)),
    brokerCpu: spread(through.map(({ cpuUsPerCall }) => cpuUsPerCall.broker)),
    agentCpu: spread(through.map(({ agentCpuUsPerCall }) => agentCpuUsPerCall)),
    failed: runs.reduce((sum, { load }) => sum + load.failed, 0),
  };
};

/** @param runs those of HTTP agents each with its partner of the same round */
export const rowsOf = (runs: readonly AgentRun[]): AddedRow[] =>
  [...Map.groupBy(runs, ({ agent, stream, inFlight }) => `${agent} ${stream} ${inFlight}`).values()].map(rowOf);

export interface Added extends Measured<AgentRun> {
  rows: AddedRow[];
}

export const measureAdded = async (plan: Plan, site: Site): Promise<Added> => {
  const { cluster, say, signal } = site;
  const http = await startChild('agents/http-agent.ts', []);
  try {
    say('topics and schemas');
    const file = writeMeshFile(cluster.directory, { http: { url: http.url }, log: { log: true } });
    const mesh = await prepareMesh(cluster, 'added.', '', file);
    const log = await startChild('agents/log-agent.ts', ['log'], mesh.environment);
    const agents = { http, log };
    return await withServices(mesh, [], site, async ({ pids, urlOf }) => {
      await Promise.all([untilCarded(urlOf('http'), signal), untilCarded(urlOf('log'), signal)]);
      const run = async (
        agent: Kind,
        setting: Setting,
        timing: typeof PRIMING_PLAN,
        atRest: AtRest,
      ): Promise<AgentRun> => {
        const cpuUs = () => useOf({ agent: { root: agents[agent].pid } }).agent.cpuUs;
        const before = cpuUs();
        const parley = { url: urlOf(agent), key: KEY, pids };
        const a2a = { method: 'SendMessage' } as const;
        const subject = { parley, a2a, upstreamUrl: http.url, atRest: atRest.parley, signal };
        const one = await measure(setting, timing, subject);
        return { ...one, agent, agentCpuUsPerCall: Math.round((cpuUs() - before) / Math.max(1, one.load.calls)) };
      };
      const primings = (['http', 'log'] as const).flatMap((agent) =>
        [false, true].map(
          (stream): Step<AgentRun> => ({
            what: `${agent}, ${stream ? 'streams' : 'messages'}`,
            run: (atRest) => run(agent, { ...PRIMING, via: 'parley', stream }, PRIMING_PLAN, atRest),
          }),
        ),
      );
      const steps = settings(plan).flatMap((setting) =>
        (setting.via === 'direct' ? (['http'] as const) : (['http', 'log'] as const)).map(
          (agent): Step<AgentRun> => ({
            what: `${setting.inFlight} ${setting.stream ? 'streams' : 'messages'} in flight, ${agent}, ${setting.via}`,
            run: (atRest) => run(agent, setting, plan, atRest),
          }),
        ),
      );
      const measured = await measureInTurn(pids, { primings, steps }, say, signal);
      return { rows: rowsOf(measured.runs), ...measured };
    }).finally(log.stop);
  } finally {
    await http.stop();
  }
};
