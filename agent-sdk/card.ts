/** A2A's AgentCard in ProtoJSON, without what the SDK and the mesh fill in: where the agent is found and how to prove who one is. */
export interface AgentCard {
  name: string;
  description: string;
  version: string;
  /** At least one. */
  skills: AgentSkill[];
  provider?: { organization: string; url: string };
  documentationUrl?: string;
  iconUrl?: string;
  /** Media types; default text/plain. */
  defaultInputModes?: string[];
  defaultOutputModes?: string[];
}

export interface AgentSkill {
  id: string;
  name: string;
  description: string;
  /** At least one. */
  tags: string[];
  examples?: string[];
  inputModes?: string[];
  outputModes?: string[];
}

const BINDING = 'https://parley.dev/bindings/a2a-over-kafka/v1';

/**
 * With everything that A2A requires of a card (specification, section 4.4.1), and the interface of docs/a2a-over-kafka.md.
 * @param inbox the agent's topic.
 */
export const wholeCard = (card: AgentCard, inbox: string): object => ({
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  capabilities: { streaming: true, pushNotifications: true },
  supportedInterfaces: [{ url: `kafka://main/${inbox}`, protocolBinding: BINDING, protocolVersion: '1.0' }],
  ...card,
});
