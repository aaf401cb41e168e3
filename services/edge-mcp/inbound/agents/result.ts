/** What an agent said, as the result of a tool (MCP CallToolResult). Pure. */
import { type Message, type Part, type Task, TaskState } from '@a2a-js/sdk';
import { isInterrupted, isTerminal, nameOfState } from '../../../runtime/a2a/states.ts';

type Content = Record<string, unknown>;

const MEDIA = /^(image|audio)\//;

const nameOf = ({ filename }: Part, otherwise: string): string => filename || otherwise;

/** @param about what it is part of, to name what has no name. */
const contentOf = (part: Part, about: string): Content[] => {
  const { content, mediaType: mimeType } = part;
  switch (content?.$case) {
    case 'text':
      return content.value === '' ? [] : [{ type: 'text', text: content.value }];
    case 'data':
      return [{ type: 'text', text: JSON.stringify(content.value) }];
    case 'url': {
      const uri = content.value;
      return [{ type: 'resource_link', uri, name: nameOf(part, about), ...(mimeType && { mimeType }) }];
    }
    case 'raw': {
      const data = content.value.toString('base64');
      const [, type] = MEDIA.exec(mimeType) ?? [];
      if (type) return [{ type, data, mimeType }];
      const uri = `a2a:${encodeURIComponent(about)}/${encodeURIComponent(nameOf(part, 'file'))}`;
      return [{ type: 'resource', resource: { uri, blob: data, ...(mimeType && { mimeType }) } }];
    }
    case undefined:
      return [];
  }
};

export const textOf = (parts: readonly Part[] = []): string =>
  parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])).join('\n');

/** @param said what stands for it where the agent said nothing. */
const resultOf = (
  parts: readonly Part[],
  artifacts: Task['artifacts'],
  structured: { taskId?: string; contextId: string; state: string },
  said: string,
): Record<string, unknown> => {
  const content = [
    ...parts.flatMap((part) => contentOf(part, 'message')),
    ...artifacts.flatMap(({ artifactId, name, parts }) => parts.flatMap((part) => contentOf(part, name || artifactId))),
  ];
  const text = textOf(parts) || said;
  return {
    content: content.length > 0 ? content : [{ type: 'text', text }],
    structuredContent: { ...structured, text },
  };
};

/** Of an agent that answered without a task. */
export const resultOfMessage = ({ parts }: Message, contextId: string): Record<string, unknown> =>
  resultOf(parts, [], { contextId, state: nameOfState(TaskState.TASK_STATE_COMPLETED) }, '');

const inWords: Readonly<Partial<Record<TaskState, string>>> = {
  [TaskState.TASK_STATE_COMPLETED]: 'The task is completed.',
  [TaskState.TASK_STATE_FAILED]: 'The task failed.',
  [TaskState.TASK_STATE_CANCELED]: 'The task was cancelled.',
  [TaskState.TASK_STATE_REJECTED]: 'The agent rejected the task.',
  [TaskState.TASK_STATE_INPUT_REQUIRED]: 'The agent asks for more.',
  [TaskState.TASK_STATE_AUTH_REQUIRED]: 'The agent asks to be authorized.',
};

/** Whether the agent asks something. */
export const asksIn = ({ status }: Task): boolean => status !== undefined && isInterrupted(status.state);

/** With what a model needs to answer: it may read the content alone. */
export const askingResult = (task: Task, continuation: string): Record<string, unknown> => {
  const { content, structuredContent } = resultOfTask(task) as { content: Content[]; structuredContent: object };
  const hint = `To answer, call again with this continuation: ${continuation}`;
  return {
    content: [...content, { type: 'text', text: hint }],
    structuredContent: { ...structuredContent, continuation },
  };
};

/** Of a task as it is now: it may have ended, wait for an answer, or go on. */
export const resultOfTask = ({ id: taskId, contextId, status, artifacts }: Task): Record<string, unknown> => {
  const state = status?.state ?? TaskState.TASK_STATE_UNSPECIFIED;
  const said = inWords[state] ?? 'The agent is still at work, and goes on.';
  const result = resultOf(
    status?.message?.parts ?? [],
    artifacts,
    { taskId, contextId, state: nameOfState(state) },
    said,
  );
  const isError = isTerminal(state) && state !== TaskState.TASK_STATE_COMPLETED;
  return isError ? { ...result, isError } : result;
};
