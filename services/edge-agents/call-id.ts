/** How an answer finds the agent that asked: the id of its request says whose call it was. */

export interface AgentCall {
  agent: string;
  taskId: string;
  callId: string;
}

// Neither a name of an agent nor an id of a task has a slash.
const PATTERN = /^agent\/([^/]+)\/([^/]+)\/(.+)$/s;

/** The call that a request of this id is; undefined where no agent on the log asked it. */
export const callOf = (requestId: string): AgentCall | undefined => {
  const [, agent, taskId, callId] = PATTERN.exec(requestId) ?? [];
  return agent && taskId && callId ? { agent, taskId, callId } : undefined;
};
