import { hash } from 'node:crypto';
import type { StreamResponse } from '../a2a.ts';
import type { OperationKind, Saying } from './records.ts';

/** What an operation is, as far as it must be the same when the code runs again. */
export interface Asked {
  kind: OperationKind;
  saying?: Saying;
  /** Of a step, whose record is made only once it is done. */
  step?: string;
}

const quoted = (text: string) => `'${text.length > 60 ? `${text.slice(0, 59)}…` : text}'`;

const updateOf = (bytes: Buffer) => JSON.parse(bytes.toString()) as StreamResponse;

/** Times and the like may differ: only what was asked of whom is compared. */
const describe = ({ kind, saying, step }: Asked): { name: string; digest: string } => {
  if (step !== undefined) return { name: `step ${quoted(step)}`, digest: step };
  if (saying?.type === 'StepRecorded') return { name: `step ${quoted(saying.data.name)}`, digest: saying.data.name };
  if (saying?.type === 'AgentCalled') {
    const { action, resource, message } = saying.data;
    const what = `${action} of ${resource.type} ${quoted(resource.id)}`;
    const digest = hash('sha256', message);
    return { name: `${what} with message ${digest.slice(0, 8)}`, digest: `${what} ${digest}` };
  }
  if (saying?.type === 'AgentReported' && kind === 'ask') {
    const parts = updateOf(saying.data.update).statusUpdate?.status.message?.parts ?? [];
    const [first] = parts;
    return {
      name: `the question ${quoted(first?.text ?? JSON.stringify(first ?? ''))}`,
      digest: JSON.stringify(parts),
    };
  }
  if (saying?.type === 'AgentReported' && kind === 'artifact') {
    const { artifactId = '', name = '' } = updateOf(saying.data.update).artifactUpdate?.artifact ?? {};
    return { name: `artifact ${quoted(name || artifactId)}`, digest: `${artifactId} ${name}` };
  }
  return { name: kind, digest: '' };
};

/** Why what the code asks for now is not what the journal says it asked for; undefined where it is. */
export const difference = (number: number, journal: Asked, code: Asked): string | undefined => {
  const [was, is] = [describe(journal), describe(code)];
  if (journal.kind === code.kind && was.digest === is.digest) return undefined;
  return `The agent's code does not follow the task's journal: operation ${number} was ${was.name}, and is now ${is.name}.`;
};

/** The same where the code ended without asking. */
export const missing = (number: number, journal: Asked): string =>
  `The agent's code does not follow the task's journal: operation ${number} was ${describe(journal).name}, and the code now ends without it.`;
