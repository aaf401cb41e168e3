/** Clients of the mesh, as the SDK makes them from an agent's card, and what they are told in short. */
import { type AgentCard, Message, type Part, type StreamResponse, type Task, TaskState } from '@a2a-js/sdk';
import {
  type CallInterceptor,
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
  type TransportFactory,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import { until } from '../mesh.ts';
import { keys } from './mesh.ts';

export const bindings = ['JSONRPC', 'HTTP+JSON', 'GRPC'] as const;
export type Binding = (typeof bindings)[number];

const withKey = (key: string): CallInterceptor => ({
  before: async (args) => {
    const { serviceParameters } = args.options ?? {};
    args.options = { ...args.options, serviceParameters: { ...serviceParameters, authorization: `Bearer ${key}` } };
  },
  after: async () => {},
});

/** The card that an edge serves of an agent, once it does. */
export const cardOf = async (url: string, agent: string, version: '1.0' | '0.3' = '1.0'): Promise<AgentCard> => {
  const at = `${url}/a2a/${agent}/.well-known/agent-card.json`;
  const headers = { 'a2a-version': version };
  await until(async () => (await fetch(at, { headers })).ok, `a card of ${agent}`);
  return new DefaultAgentCardResolver().normalizeAgentCard(await (await fetch(at, { headers })).json());
};

export interface ClientOptions {
  key?: keyof typeof keys;
  version?: '1.0' | '0.3';
}

export const clientOf = async (
  url: string,
  agent: string,
  binding: Binding = 'JSONRPC',
  { key = 'desk', version = '1.0' }: ClientOptions = {},
): Promise<Client> => {
  const legacyCompat = { enabled: version === '0.3' };
  const transports: Record<Binding, () => TransportFactory> = {
    JSONRPC: () => new JsonRpcTransportFactory({ legacyCompat }),
    'HTTP+JSON': () => new RestTransportFactory({ legacyCompat }),
    GRPC: () => new GrpcTransportFactory({ legacyCompat }),
  };
  const clientConfig = { interceptors: [withKey(keys[key])] };
  const factory = new ClientFactory({ transports: [transports[binding]()], clientConfig });
  const card = await cardOf(url, agent);
  const supportedInterfaces = card.supportedInterfaces.filter(({ protocolVersion }) => protocolVersion === version);
  return factory.createFromAgentCard({ ...card, supportedInterfaces });
};

let messages = 0;
export const sending = (text: string, more: Partial<Message> = {}, configuration: object = {}) => ({
  tenant: '',
  message: { ...Message.fromJSON({ messageId: `m-${++messages}`, role: 'ROLE_USER', parts: [{ text }] }), ...more },
  configuration: {
    acceptedOutputModes: [],
    taskPushNotificationConfig: undefined,
    historyLength: undefined,
    returnImmediately: false,
    ...configuration,
  },
  metadata: undefined,
});

export const asTask = (result: Message | Task): Task => {
  if ('messageId' in result) throw new Error('a message, where a task was expected');
  return result;
};

export const collect = async (stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> => {
  const all: StreamResponse[] = [];
  for await (const one of stream) all.push(one);
  return all;
};

export const textOf = (parts: readonly Part[] = []): string[] =>
  parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : []));

export const stateOf = ({ status }: Pick<Task, 'status'>): string =>
  (TaskState[status?.state ?? 0] ?? '').replace('TASK_STATE_', '');

/** A state, with what the agent says to it, or the text of an artifact. */
export const inShort = ({ payload }: StreamResponse): string => {
  if (payload?.$case === 'artifactUpdate') return textOf(payload.value.artifact?.parts).join('');
  if (payload?.$case === 'task') return `task ${stateOf(payload.value)}`;
  if (payload?.$case === 'message') return `message ${textOf(payload.value.parts).join('')}`;
  if (payload?.$case !== 'statusUpdate') return '';
  return [stateOf(payload.value), ...textOf(payload.value.status?.message?.parts)].join(' ');
};
