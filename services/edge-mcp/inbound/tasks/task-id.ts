/**
 * A task's id: it says to any replica which request it is, where that is in the log and whose. Sealed, so that nobody can make
 * one up: who could would have the mesh read its log from any time on.
 */
import { z } from 'zod';
import type { Signing } from '../../../runtime/signing.ts';

const text = z.string();
const ticket = z.tuple([text, text, text, text, text, text, z.number(), z.number()]);

/** What a task's id says. */
export interface TaskRef {
  request: string;
  contextId: string;
  /** Whose it is: any credential of theirs finds it. */
  tenant: string;
  agent: string;
  endpoint: string;
  /** The tool, by the name that its client knows it by. */
  tool: string;
  /** When it was asked for and when it is to be answered, milliseconds since the epoch. */
  begun: number;
  deadline: number;
}

export const sealTask = async (signing: Pick<Signing, 'seal'>, ref: TaskRef): Promise<string> => {
  const { request, contextId, tenant, agent, endpoint, tool, begun, deadline } = ref;
  const said: z.infer<typeof ticket> = [request, contextId, tenant, agent, endpoint, tool, begun, deadline];
  return (await signing.seal(Buffer.from(JSON.stringify(said)))).toString('latin1');
};

/** Undefined where the mesh made no such id. */
export const openTask = async (signing: Pick<Signing, 'open'>, taskId: string): Promise<TaskRef | undefined> => {
  try {
    const said = ticket.safeParse(JSON.parse((await signing.open(Buffer.from(taskId, 'latin1'))).toString()));
    if (!said.success) return undefined;
    const [request, contextId, tenant, agent, endpoint, tool, begun, deadline] = said.data;
    return { request, contextId, tenant, agent, endpoint, tool, begun, deadline };
  } catch {
    return undefined;
  }
};
