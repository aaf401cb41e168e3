import type { Configuration } from '../services/runtime/configuration.ts';
import { applyAgentTopics, type GovernanceOptions } from '../services/runtime/governance/index.ts';
import { progressBar } from './progress.ts';
import { plain } from './text.ts';

/** Makes the inboxes, outboxes and ACLs of the agents on the log, where they are missing. @throws where a person must decide. */
export const provisionAgents = async (cluster: GovernanceOptions, agents: Configuration['agents']): Promise<void> => {
  const onLog = agents.filter(({ kind }) => kind === 'log');
  if (onLog.length === 0) return;
  const bar = progressBar();
  const left = await applyAgentTopics(cluster, onLog, (done, total, what) =>
    bar.report(plain(what, 60), done, total),
  ).finally(bar.end);
  if (left.length > 0) throw new Error(`topics of agents need a person: ${left.map(({ what }) => what).join('; ')}`);
};
