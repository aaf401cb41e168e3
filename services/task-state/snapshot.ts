/** A task's record as it is after an update. Pure. */
import { TaskState } from '@a2a-js/sdk';
import { appendedDigest, artifactDigest, statusDigest } from '../runtime/a2a/digests.ts';
import type { Update } from '../runtime/a2a/json.ts';
import { nameOfState } from '../runtime/a2a/states.ts';
import type { Snapshot } from './tasks.ts';

/** Of more messages an agent's history is not compared; the ids of these are written with each update. */
const MAX_MESSAGES = 100;

/** A digest of what has no time of its own: said again in a later turn, it is news. */
const UNTIMED = '~';

export const digestOf = (status: Parameters<typeof statusDigest>[0]): string =>
  `${status.timestamp ? '' : UNTIMED}${statusDigest(status)}`;

/** The record as a turn finds it that begins now. */
export const withoutUntimed = (snapshot: Snapshot): Snapshot =>
  snapshot.status.startsWith(UNTIMED) ? { ...snapshot, status: '' } : snapshot;

const withMessages = (known: readonly string[], more: readonly ({ messageId: string } | undefined)[]): string[] => {
  const ids = more.flatMap((message) => message?.messageId || []);
  return [...new Set([...known, ...ids])].slice(-MAX_MESSAGES);
};

type Contents = Partial<Pick<Snapshot, 'state' | 'updatedAt' | 'status' | 'artifacts' | 'messages'>>;

const changes = (snapshot: Snapshot, update: Update, time: number): Contents => {
  const { artifacts, messages } = snapshot;
  switch (update.$case) {
    case 'task': {
      const { status, history } = update.value;
      return {
        state: nameOfState(status?.state ?? TaskState.TASK_STATE_UNSPECIFIED),
        updatedAt: time,
        status: status ? digestOf(status) : '',
        artifacts: Object.fromEntries(update.value.artifacts.map((one) => [one.artifactId, artifactDigest(one)])),
        messages: withMessages(messages, history),
      };
    }
    case 'statusUpdate': {
      const { status } = update.value;
      if (!status) return {};
      const state = nameOfState(status.state);
      return {
        state,
        updatedAt: state === snapshot.state ? snapshot.updatedAt : time,
        status: digestOf(status),
        messages: withMessages(messages, [status.message]),
      };
    }
    case 'artifactUpdate': {
      const { artifact, append } = update.value;
      if (!artifact) return {};
      const { artifactId } = artifact;
      const before = append && Object.hasOwn(artifacts, artifactId) ? artifacts[artifactId] : undefined;
      const digest = before === undefined ? artifactDigest(artifact) : appendedDigest(before, artifact);
      return { artifacts: { ...artifacts, [artifactId]: digest } };
    }
    case 'message':
      return { messages: withMessages(messages, [update.value]) };
  }
};

/** @param time when the task's state changes with it, milliseconds since the epoch. */
export const afterUpdate = (snapshot: Snapshot, update: Update, time: number): Snapshot => ({
  ...snapshot,
  ...changes(snapshot, update, time),
});
