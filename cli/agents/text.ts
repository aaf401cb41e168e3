/** The agents of the mesh, as a person reads of them. */
import type { AgentCardPublished } from '../../schemas/generated.ts';
import { readCard } from '../../services/runtime/a2a/card.ts';
import type { AgentConfiguration } from '../../services/runtime/configuration.ts';
import { plain, table } from '../text.ts';

/** What the log says of cards, by the agents' names. */
export interface Cards {
  published: ReadonlyMap<string, AgentCardPublished>;
  /** Why the newest of an agent was not taken. */
  refused: ReadonlyMap<string, string>;
}

const how = { caller: 'only calls', http: 'A2A server', log: 'on the log' } as const;

const cardLine = ({ published, refused }: Cards, agent: string): string => {
  const problem = refused.get(agent);
  const said = published.get(agent)?.signature.toLowerCase() ?? 'none yet';
  return problem ? `${said}; the newest is refused: ${problem}` : said;
};

const cardOf = ({ published }: Cards, agent: string) => {
  const bytes = published.get(agent)?.card;
  const read = bytes && readCard(bytes);
  return read && 'card' in read ? read.card : undefined;
};

export const agentTable = (agents: readonly AgentConfiguration[], cards: Cards): string[] =>
  table([
    ['agent', 'unit', 'owner', 'is', 'card', 'skills'],
    ...agents.map(({ name, tenant, unit, owner, kind }) => [
      plain(name, 64),
      plain(`${tenant}/${unit}`, 60),
      plain(owner, 60),
      how[kind],
      kind === 'caller' ? '' : plain(cardLine(cards, name), 120),
      plain((cardOf(cards, name)?.skills ?? []).map(({ id }) => id).join(', '), 80),
    ]),
  ]);

export const agentText = (agent: AgentConfiguration, cards: Cards): string[] => {
  const { name, tenant, unit, owner, kind } = agent;
  const card = cardOf(cards, name);
  const about = card && [
    `${card.name} ${card.version}: ${card.description}`,
    ...card.supportedInterfaces.map((one) => `${one.protocolBinding} ${one.protocolVersion} at ${one.url}`),
    ...card.skills.map((skill) => `skill ${skill.id}: ${skill.description || skill.name}`),
  ];
  return [
    plain(`${name} of ${tenant}/${unit}, owned by ${owner}: ${how[kind]}`),
    ...(kind === 'caller' ? [] : [`  card: ${plain(cardLine(cards, name), 500)}`]),
    ...(about ?? []).map((line) => `  ${plain(line, 400)}`),
  ];
};
