/** What the edge asks of a call before anything is said of it in the log. Pure. */
import type { AgentCard, ListTasksRequest, Message, SendMessageRequest, Task } from '@a2a-js/sdk';
import { TaskState } from '@a2a-js/sdk';
import {
  ContentTypeNotSupportedError,
  ExtensionSupportRequiredError,
  RequestMalformedError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import { isTerminal, nameOfState } from '../../runtime/a2a/states.ts';
import { readPageToken } from '../view/page.ts';
import type { TaskQuery } from '../view/tasks.ts';

const MAX_ID = 256;
const DEFAULT_PAGE = 50;
const MAX_PAGE = 100;

const malformed = (message: string): never => {
  throw new RequestMalformedError(message);
};

/** A2A 1.0, 3.2.4. @throws RequestMalformedError */
export const checkHistoryLength = (length: number | undefined): void => {
  if (length !== undefined && (!Number.isInteger(length) || length < 0))
    malformed('historyLength must be a whole number that is not negative.');
};

/** Undefined: all; 0: none; else the last ones. */
export const withHistory = (task: Task, length: number | undefined): Task =>
  length === undefined ? task : { ...task, history: length === 0 ? [] : task.history.slice(-length) };

export const checkTaskId = (taskId: string): void => {
  if (taskId.trim() === '') malformed('A task id is required.');
};

/** A media range of a card's input modes: informal ones such as `text` stand for all of their kind. */
const accepts = (mode: string, mediaType: string): boolean =>
  mode === mediaType || mode === '*/*' || mediaType.startsWith(`${mode.replace(/\/\*$/, '')}/`);

const checkInputModes = ({ parts }: Message, { defaultInputModes, skills }: AgentCard): void => {
  const modes = [...defaultInputModes, ...skills.flatMap(({ inputModes }) => inputModes)];
  if (defaultInputModes.length === 0) return;
  for (const { mediaType } of parts) {
    const plain = mediaType.split(';', 1)[0]!.trim().toLowerCase();
    if (plain !== '' && !modes.some((mode) => accepts(mode.toLowerCase(), plain)))
      throw new ContentTypeNotSupportedError(
        `The agent does not take ${mediaType}. It takes ${[...new Set(modes)].join(', ')}.`,
      );
  }
};

const checkExtensions = (card: AgentCard, requested: readonly string[]): void => {
  const required = (card.capabilities?.extensions ?? []).filter((one) => one.required).map(({ uri }) => uri);
  const missing = required.filter((uri) => !requested.includes(uri));
  if (missing.length > 0)
    throw new ExtensionSupportRequiredError(
      `The agent requires extensions that you do not name: ${missing.join(', ')}.`,
    );
};

/** The message of a request, worth to be sent to an agent with this card. @throws A2AError */
export const checkMessage = (
  { message, configuration }: SendMessageRequest,
  card: AgentCard,
  extensions: readonly string[],
): Message => {
  if (!message) return malformed('message is required.');
  if (message.messageId === '') malformed('message.messageId is required.');
  if (message.messageId.length > MAX_ID) malformed(`message.messageId is longer than ${MAX_ID} characters.`);
  if (message.parts.length === 0) malformed('message.parts must not be empty.');
  const empty = message.parts.findIndex(({ content }) => content === undefined);
  if (empty >= 0) malformed(`message.parts[${empty}] has none of text, raw, url and data.`);
  if (message.contextId.length > MAX_ID) malformed(`message.contextId is longer than ${MAX_ID} characters.`);
  checkHistoryLength(configuration?.historyLength);
  checkInputModes(message, card);
  checkExtensions(card, extensions);
  return message;
};

/** @throws A2AError where the task takes no such message any more. */
export const checkFollowUp = ({ contextId }: Message, task: Task): void => {
  const state = task.status?.state ?? TaskState.TASK_STATE_UNSPECIFIED;
  if (isTerminal(state))
    throw new UnsupportedOperationError(
      `Task ${task.id} has ended (${nameOfState(state)}) and takes no more messages.`,
    );
  if (contextId !== '' && contextId !== task.contextId) malformed(`message.contextId is not that of task ${task.id}.`);
};

/** A2A 1.0, 3.1.4. @throws RequestMalformedError */
export const queryOf = (params: ListTasksRequest, whose: Pick<TaskQuery, 'tenant' | 'asker' | 'agent'>): TaskQuery => {
  const { contextId, status, pageSize = DEFAULT_PAGE, pageToken, statusTimestampAfter } = params;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE)
    malformed(`pageSize must be between 1 and ${MAX_PAGE}.`);
  if (status === TaskState.UNRECOGNIZED || !(status in TaskState)) malformed('status is no state of a task.');
  const after = statusTimestampAfter ? Date.parse(statusTimestampAfter) : undefined;
  if (Number.isNaN(after)) malformed('statusTimestampAfter must be an ISO 8601 timestamp.');
  checkHistoryLength(params.historyLength);
  const cursor = pageToken === '' ? undefined : readPageToken(pageToken);
  if (pageToken !== '' && !cursor) malformed('pageToken is not one that this server has given.');
  return {
    ...whose,
    contextId: contextId || undefined,
    state: status === TaskState.TASK_STATE_UNSPECIFIED ? undefined : nameOfState(status),
    after,
    cursor,
    pageSize,
  };
};
