/** What agents on the log say on their outboxes, as events of the mesh: reports, which task-state checks. Pure. */
import { createHash } from 'node:crypto';
import { agentOf } from '../../topics/index.ts';
import { readCard } from '../runtime/a2a/card.ts';
import { derivedId } from '../runtime/event.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Statement } from '../runtime/processor.ts';

export const hearingReads = ['AgentAnnounced', 'AgentReported', 'AgentCalled', 'AgentSlept'] as const;
export const hearingWrites = [
  'TaskReported',
  'CallReported',
  'SleepReported',
  'AgentCardPublished',
  'AgentCardRefused',
] as const;
type In = (typeof hearingReads)[number];
type Out = (typeof hearingWrites)[number];

const announced = (agent: string, card: Buffer): Statement<Out>[] => {
  const digest = createHash('sha256').update(card).digest('hex');
  const index = `card ${digest}`;
  const read = readCard(card);
  if ('problem' in read)
    return [
      { type: 'AgentCardRefused', data: { agent, digest, reason: read.problem }, key: `${agent} refused`, index },
    ];
  const published = { agent, card, digest, signature: 'UNSIGNED' as const, extendedCard: null };
  return [{ type: 'AgentCardPublished', data: published, key: agent, index }];
};

/**
 * Whose outbox a record lies in is who says it: only that agent's principal may write there. What the record itself says of
 * its agent must agree. @throws where it does not: a dead letter.
 */
export const decide = (event: AnyRecorded<In>): Statement<Out>[] => {
  const agent = speakerOf(event);
  if (event.data.agent !== agent) throw new Error(`${agent} speaks as ${event.data.agent}`);
  switch (event.type) {
    case 'AgentAnnounced':
      return announced(agent, event.data.card);
    case 'AgentReported': {
      const { taskId, update } = event.data;
      const nothingNew = { turn: null, parentTaskId: '', remote: null, announced: true };
      return [{ type: 'TaskReported', data: { taskId, agent, update, ...nothingNew } }];
    }
    case 'AgentCalled':
      return [{ type: 'CallReported', data: { ...event.data, agent, streaming: false } }];
    case 'AgentSlept':
      return [{ type: 'SleepReported', data: { ...event.data, agent } }];
  }
};

/** An agent chooses the ids of what it says: below its name, so that they can't be those of another. */
export const causeIdOf = (event: AnyRecorded): string => derivedId(speakerOf(event), event.id);

const speakerOf = ({ topic }: AnyRecorded): string => {
  const agent = agentOf(topic);
  if (agent === undefined) throw new Error(`${topic} is no agent's outbox`);
  return agent;
};
