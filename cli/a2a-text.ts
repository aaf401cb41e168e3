/** What A2A's messages say, in a line. */
import { type Artifact, type Message, type Part, Role, type TaskStatus } from '@a2a-js/sdk';
import { caseOf, readSendMessage, readUpdate, type Update } from '../services/runtime/a2a/json.ts';
import { nameOfState } from '../services/runtime/a2a/states.ts';
import { excerpt } from './excerpt.ts';
import { size } from './figures.ts';
import type { Step } from './step.ts';
import { plain } from './text.ts';

const MAX = 160;

/** E.g. input-required, of TASK_STATE_INPUT_REQUIRED. */
export const wordOfState = (state: string): string =>
  state.replace('TASK_STATE_', '').toLowerCase().replaceAll('_', '-');

const sayPart = ({ content, filename, mediaType }: Part): string => {
  switch (content?.$case) {
    case 'text':
      return content.value;
    case 'data':
      return JSON.stringify(content.value) ?? '';
    case 'url':
      return `[${filename || content.value}]`;
    case 'raw':
      return `[${filename || mediaType || 'a file'}, ${size(content.value.length)}]`;
    case undefined:
      return '';
  }
};

/** `“The weather is fine. [map.png, 3.2 kB]”` */
const sayParts = (parts: readonly Part[]): string => `“${plain(parts.map(sayPart).join(' '), MAX)}”`;

const sayStatus = (status: TaskStatus | undefined): string => {
  if (!status) return '';
  const state = wordOfState(nameOfState(status.state));
  return status.message ? `${state}: ${sayParts(status.message.parts)}` : state;
};

/** `user: “Which city?”` */
export const sayMessage = ({ role, parts }: Message): string =>
  `${role === Role.ROLE_USER ? 'user' : 'agent'}: ${sayParts(parts)}`;

export const sayArtifact = ({ artifactId, name, parts }: Artifact): string =>
  `${plain(name || artifactId, MAX)}: ${sayParts(parts)}`;

/** What is new of a task. */
export const sayUpdate = (update: Update): Step => {
  switch (update.$case) {
    case 'task': {
      const { status, artifacts } = update.value;
      return { word: 'task', text: [sayStatus(status), ...artifacts.map(sayArtifact)].filter(Boolean).join(', ') };
    }
    case 'statusUpdate':
      return { word: 'task', text: sayStatus(update.value.status) };
    case 'artifactUpdate': {
      const { artifact, append } = update.value;
      return { word: append ? 'artifact, more' : 'artifact', text: artifact ? sayArtifact(artifact) : '' };
    }
    case 'message':
      return { word: 'message', text: sayMessage(update.value) };
  }
};

const said = (message: Buffer): string => {
  const kind = caseOf(message);
  if (kind && kind !== 'message') return sayUpdate(readUpdate(message)).text;
  const { parts = [], taskId } = readSendMessage(message).message ?? {};
  return `${sayParts(parts)}${taskId ? `, in task ${plain(taskId, 60)}` : ''}`;
};

/** Of a message to an agent or its answer: what it says, and how large it is. */
export const a2aExcerpt = (message: Buffer): string => {
  try {
    return `${said(message)} (${size(message.length)})`;
  } catch {
    return excerpt('', message);
  }
};
