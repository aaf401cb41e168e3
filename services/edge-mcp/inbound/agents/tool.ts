/** An agent of the mesh as an MCP tool: what it is called by, what it is given. Pure. */
import { z } from 'zod';
import { SEND } from './message.ts';

export interface AgentTool {
  agent: string;
  name: string;
  /** As clients are shown it. */
  shown: Record<string, unknown>;
}

const text = { type: 'string' } as const;

const inputSchema = {
  type: 'object',
  properties: {
    message: { ...text, description: 'What the agent is to do, or the answer to what it asked.' },
    continuation: {
      ...text,
      description: 'With an answer: the continuation of the result in which the agent asked. Else it is a new task.',
    },
  },
  required: ['message'],
  additionalProperties: false,
};

const outputSchema = {
  type: 'object',
  properties: {
    taskId: { ...text, description: "The agent's task; not there where it answered without one." },
    contextId: { ...text, description: 'The conversation that it is part of.' },
    state: { ...text, description: "A2A's state of the task, e.g. TASK_STATE_COMPLETED." },
    text: { ...text, description: 'What the agent said last.' },
    continuation: { ...text, description: 'Where the agent asks something: to be given with the answer.' },
  },
  required: ['contextId', 'state', 'text'],
};

/** @param description what the agent says of itself. */
export const toolOf = (agent: string, description: string | undefined): AgentTool => ({
  agent,
  name: agent,
  shown: {
    name: agent,
    description: description || `Sends a message to ${agent}, an agent of the mesh.`,
    inputSchema,
    outputSchema,
    annotations: { title: agent, readOnlyHint: false, openWorldHint: true },
    _meta: { 'parley/action': SEND },
  },
});

const given = z.strictObject({ message: z.string().min(1), continuation: z.string().optional() });

/** The message; or what is wrong with the arguments, for the model that made them. */
export const messageIn = (args: unknown): z.infer<typeof given> | { problem: string } => {
  const parsed = given.safeParse(args ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.');
  return { problem: `Invalid arguments: ${where ? `${where}: ` : ''}${issue?.message}` };
};
