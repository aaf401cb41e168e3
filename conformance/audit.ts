/** What must hold of all that an agent said. Pure. */
import type { AgentCalled, AgentSlept } from '../schemas/generated.ts';
import { partitionOfKey } from '../services/runtime/kafka/murmur2.ts';
import { artifactsOf, isTerminal, statusOf, textOf } from './conversation.ts';
import type { Heard } from './heard.ts';
import type { Rule } from './rules.ts';

export interface Evidence {
  agent: string;
  prefix: string;
  partitions: number;
  /** The outbox, in order within each partition. */
  heard: readonly Heard[];
  /** `ce_id`s of the inbox. */
  delivered: ReadonlySet<string>;
  /** The conversation of each task that the kit began. */
  contextOf: ReadonlyMap<string, string>;
}

type Faults = Partial<Record<Rule, string[]>>;

const actions: Record<string, [resource: string, protocol: string]> = {
  'model.chat': ['model', 'openai.chat'],
  'model.respond': ['model', 'openai.responses'],
  'model.embed': ['model', 'openai.embeddings'],
  'agent.send': ['agent', 'a2a'],
  'tool.call': ['tool', 'mcp'],
};

const headerFaults = ({ headers, keyText, type }: Heard, { delivered }: Evidence): string[] => {
  const has = (name: string, right: (value: string) => boolean) => (right(headers[name] ?? '') ? [] : [name]);
  const given = (value: string) => value !== '';
  const cause = headers.ce_causationid ?? 'none';
  return [
    ...has('ce_specversion', (value) => value === '1.0'),
    ...has('ce_id', given),
    ...has('ce_type', () => type !== ''),
    ...has('ce_source', given),
    ...has('ce_subject', (value) => value === keyText),
    ...has('ce_time', (value) => /^\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)$/.test(value)),
    ...has('ce_correlationid', given),
    ...(cause === '' || delivered.has(cause) ? [] : ['ce_causationid']),
    ...has('traceparent', (value) => value === '' || /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)),
    ...has('content-type', (value) => value === 'application/avro'),
  ];
};

const keyOf = (heard: Heard, { agent, contextOf }: Evidence): string | undefined =>
  heard.type === 'AgentAnnounced' ? agent : contextOf.get(heard.data.taskId ?? '');

const dataFaults = (heard: Heard, { agent, contextOf }: Evidence): string[] => {
  const { data, json, type } = heard;
  const faults = data.agent === agent ? [] : [`agent is ${data.agent}`];
  if (type === 'AgentAnnounced') return [...faults, ...heard.faults];
  if (type !== 'AgentReported') return faults;
  const contextId = contextOf.get(data.taskId ?? '');
  const update = json?.statusUpdate ?? json?.artifactUpdate;
  const inner = [json?.message, statusOf(heard)?.message].filter((one) => one !== undefined);
  const ids = [
    ...(update ? [update.taskId === data.taskId, update.contextId === contextId] : []),
    ...(json?.task ? [json.task.id === data.taskId, json.task.contextId === contextId] : []),
    ...inner.flatMap((one) => [
      !one.taskId || one.taskId === data.taskId,
      !one.contextId || one.contextId === contextId,
    ]),
  ];
  return [...faults, ...heard.faults, ...(ids.every(Boolean) ? [] : ["ids that are not the mesh's"])];
};

const callFaults = ({ type, data }: Heard): string[] => {
  if (type === 'AgentSlept') return (data as Partial<AgentSlept>).timerId ? [] : ['no timerId'];
  if (type !== 'AgentCalled') return [];
  const { action = '', callId, resource, protocol } = data as Partial<AgentCalled>;
  const [rightResource, rightProtocol] = actions[action] ?? [];
  return [
    ...(callId ? [] : ['no callId']),
    ...(rightResource ? [] : [`action ${action}`]),
    ...(resource?.type === rightResource && resource?.id ? [] : ['resource']),
    ...(protocol === rightProtocol ? [] : ['protocol']),
  ];
};

/** What a record says, in words that are the same if it is said again; empty where saying it again is another thing. */
const sayingOf = (heard: Heard): string => {
  const { data, json, type } = heard;
  const task = data.taskId ?? '';
  if (type === 'AgentCalled') return `${task} calls ${(data as Partial<AgentCalled>).callId}`;
  if (type === 'AgentSlept') return `${task} sleeps ${(data as Partial<AgentSlept>).timerId}`;
  const status = json?.statusUpdate?.status;
  const remark = status?.message ? textOf(status.message) : '';
  if (status && (remark !== '' || isTerminal(String(status.state)))) return `${task} is ${status.state} ${remark}`;
  const artifact = artifactsOf(heard)[0];
  if (json?.artifactUpdate && artifact && !json.artifactUpdate.append)
    return `${task} made ${artifact.artifactId} ${textOf(artifact)}`;
  return '';
};

const nameOf = (heard: Heard): string =>
  `${heard.type || heard.headers.ce_type || 'a record'} at ${heard.partition}/${heard.offset}`;

/** Faults of one record by itself. */
const recordFaults = (heard: Heard, evidence: Evidence): [Rule, string][] => {
  const { headers, keyText, partition, subjects, type, unreadable } = heard;
  const { partitions, prefix } = evidence;
  const faults: [Rule, string][] = headerFaults(heard, evidence).map((name) => ['E4', `${name}: ${headers[name]}`]);
  if (partition !== partitionOfKey(keyText, partitions)) faults.push(['E2', `key ${keyText}`]);
  if (unreadable !== '') return [...faults, ['E5', unreadable]];
  if (keyText !== keyOf(heard, evidence)) faults.push(['E1', `key ${keyText}`]);
  if (!subjects.includes(`${prefix}mesh.${type}`)) faults.push(['E5', `its schema is registered under ${subjects}`]);
  for (const fault of dataFaults(heard, evidence)) faults.push(['E8', fault]);
  for (const fault of callFaults(heard)) faults.push(['K1', fault]);
  return faults;
};

/** Every fault that was found, by rule; a rule without any has an empty list. */
export const audit = (evidence: Evidence): Faults => {
  const faults: Faults = { E1: [], E2: [], E4: [], E5: [], E8: [], K1: [], D2: [], T3: [] };
  const idOf = new Map<string, string>();
  const sayingOfId = new Map<string, string>();
  const ended = new Map<string, string>();
  for (const heard of evidence.heard) {
    const { type, id, data, unreadable } = heard;
    const taskId = data.taskId ?? '';
    // Of earlier runs on these topics nothing is known.
    if (unreadable === '' && type !== 'AgentAnnounced' && !evidence.contextOf.has(taskId)) continue;
    const add = (rule: Rule, what: string) => faults[rule]?.push(`${nameOf(heard)}: ${what}`.slice(0, 300));
    for (const [rule, what] of recordFaults(heard, evidence)) add(rule, what);
    if (unreadable !== '' || type === 'AgentAnnounced') continue;

    const saying = sayingOf(heard);
    const before = sayingOfId.get(id);
    if (before !== undefined && before !== saying)
      add('D2', `its id ${id} says "${saying}", and said "${before}" before`);
    if (saying !== '' && (idOf.get(saying) ?? id) !== id) add('D2', `it was said under ${idOf.get(saying)} before`);
    if (saying !== '' && !idOf.has(saying)) idOf.set(saying, id);
    // StepRecorded is a note to itself.
    const end = type === 'StepRecorded' || before !== undefined ? undefined : ended.get(taskId);
    if (end !== undefined) add('T3', `after the end, ${end}`);
    sayingOfId.set(id, saying);
    if (isTerminal(String(statusOf(heard)?.state)) && !ended.has(taskId)) ended.set(taskId, id);
  }
  return faults;
};
