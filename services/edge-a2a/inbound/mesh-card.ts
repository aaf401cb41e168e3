/** The mesh's card of an agent: what the agent can do, and how it is reached through the mesh. Pure. */
import { AgentCard, type AgentInterface } from '@a2a-js/sdk';

export interface Place {
  agent: string;
  /** Of the mesh, without a slash at its end. */
  publicUrl: string;
  /** host:port; undefined: no gRPC. */
  grpcAddress: string | undefined;
  /** Whether it is meant where a gRPC call names no tenant: A2A 0.3 has none. */
  isRoot: boolean;
}

export const urlOfAgent = (publicUrl: string, agent: string): string => `${publicUrl}/a2a/${agent}`;

/** Versions newest first: a client takes the first that it speaks (A2A 1.0, 8.3.2). */
const interfacesOf = ({ agent, publicUrl, grpcAddress, isRoot }: Place): AgentInterface[] => {
  const url = urlOfAgent(publicUrl, agent);
  const at = (protocolBinding: string, protocolVersion: string, where: string, tenant = ''): AgentInterface => ({
    url: where,
    protocolBinding,
    protocolVersion,
    tenant,
  });
  return [
    at('JSONRPC', '1.0', url),
    at('HTTP+JSON', '1.0', url),
    ...(grpcAddress === undefined ? [] : [at('GRPC', '1.0', grpcAddress, agent)]),
    at('JSONRPC', '0.3', url),
    at('HTTP+JSON', '0.3', url),
    ...(grpcAddress === undefined || !isRoot ? [] : [at('GRPC', '0.3', grpcAddress)]),
  ];
};

/** Of an agent that has not published a card: enough to speak with it. */
export const blankCard = (agent: string): AgentCard =>
  AgentCard.fromJSON({ name: agent, description: agent, version: '0', skills: [], capabilities: {} });

/** @param upstream as the agent published it. @param hasExtended whether the agent says that it has an extended card. */
export const meshCard = (
  upstream: AgentCard,
  place: Place,
  hasExtended = upstream.capabilities?.extendedAgentCard ?? false,
): AgentCard => ({
  ...upstream,
  supportedInterfaces: interfacesOf(place),
  capabilities: {
    extensions: upstream.capabilities?.extensions ?? [],
    streaming: true,
    pushNotifications: true,
    extendedAgentCard: hasExtended,
  },
  securitySchemes: {
    bearer: {
      scheme: {
        $case: 'httpAuthSecurityScheme',
        value: { description: 'A key of the mesh.', scheme: 'Bearer', bearerFormat: '' },
      },
    },
  },
  securityRequirements: [{ schemes: { bearer: { list: [] } } }],
  skills: upstream.skills.map((skill) => ({ ...skill, securityRequirements: [] })),
  signatures: [],
});
