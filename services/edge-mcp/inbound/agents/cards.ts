import type { Logger } from 'pino';
import { readCard } from '../../../runtime/a2a/card.ts';
import type { Log } from '../../../runtime/log.ts';
import { assessText } from '../../catalogue/assess.ts';

/** What agents say of themselves, kept current. */
export interface Cards {
  /** For the model that is to choose; undefined: the agent has said nothing that may be passed on. */
  descriptionOf(agent: string): string | undefined;
  /** Calls back whenever a description is another one. @returns ends it. */
  changed(listener: () => void): () => void;
  close(): Promise<void>;
}

const MAX_SKILLS = 50;

/** @throws where the card is none */
const describe = (bytes: Buffer): string => {
  const read = readCard(bytes);
  if ('problem' in read) throw new Error(read.problem);
  const { description, skills } = read.card;
  const lines = skills.slice(0, MAX_SKILLS).map((skill) => `- ${skill.name}: ${skill.description}`);
  return [description, ...(lines.length > 0 ? [`It can:\n${lines.join('\n')}`] : [])].filter(Boolean).join('\n\n');
};

/** Resolves once the cards in the log are known. */
export const followCards = async (log: Log, logger: Logger): Promise<Cards> => {
  const descriptions = new Map<string, string>();
  const listeners = new Set<() => void>();
  const tail = await log.tail(
    ['mesh.agents'],
    (record) => {
      if (record.type !== 'AgentCardPublished') return;
      const { agent, card } = record.data;
      try {
        const said = describe(card);
        // Nobody approves cards, as people do definitions: what the rules find suspicious no model is to read.
        const findings = assessText('its description', said);
        if (findings.length > 0) logger.warn({ agent, findings }, 'a card is suspicious: it is not passed on');
        if (findings.length > 0) descriptions.delete(agent);
        else descriptions.set(agent, said);
        for (const listener of listeners) listener();
      } catch (error) {
        logger.error({ err: error, topic: record.topic, offset: record.offset }, 'an agent card was passed over');
      }
    },
    { from: 'beginning', types: ['AgentCardPublished'] },
  );
  await tail.caughtUp;
  return {
    descriptionOf: (agent) => descriptions.get(agent),
    changed: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => tail.close(),
  };
};
