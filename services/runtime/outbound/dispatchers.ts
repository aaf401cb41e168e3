import { Agent, type Dispatcher } from 'undici';
import type { Connection } from '../configuration.ts';

/** Connections to upstreams, kept open between calls. */
export interface Dispatchers {
  /** The one for a connection as it is configured now. */
  of(connection: Connection): Dispatcher;
  /** Hangs up. */
  close(): Promise<void>;
}

// As many connections as there are calls: undici's own default. Its 4 s of keep-alive are kept too unless the upstream
// offers more: uvicorn, under most local model servers, hangs up after 5 s and does not say so.
// Time is the caller's: undici's own timers would end after five minutes what a person takes an hour to answer, and its
// fetch takes them from here alone.
const open = ({ connectTimeoutMs }: Connection) =>
  new Agent({ connect: { timeout: connectTimeoutMs, noDelay: true }, headersTimeout: 0, bodyTimeout: 0 });

export const createDispatchers = (): Dispatchers => {
  const agents = new Map<string, { agent: Agent; settings: string }>();
  return {
    of: (connection) => {
      const settings = `${connection.url} ${connection.connectTimeoutMs}`;
      const known = agents.get(connection.id);
      if (known?.settings === settings) return known.agent;
      // Calls that run on the old one end there, and may take further requests: an answer to a question, the end of a session. It
      // is not closed, which would refuse those; its connections end by themselves when nothing uses them.
      const agent = open(connection);
      agents.set(connection.id, { agent, settings });
      return agent;
    },
    close: async () => {
      await Promise.all([...agents.values()].map(({ agent }) => agent.destroy()));
    },
  };
};
