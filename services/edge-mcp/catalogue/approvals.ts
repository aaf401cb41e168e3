import type { Logger } from 'pino';
import type { Configuration } from '../../runtime/configuration.ts';
import { keyOf } from '../../runtime/mcp/definitions.ts';
import type { KnownDefinitions } from './known-definitions.ts';
import { approvalsOf, reviewHeldBack, statusOf } from './review.ts';
import type { Statements } from './statements.ts';

/** Approves what may be used without a person's look, in the order in which the log has it. */
export interface Approvals {
  /** Looks whether something is to be approved. */
  look(configuration: Configuration): void;
  /** Resolves once nothing is being stated any more. */
  stop(): Promise<void>;
}

export const createApprovals = (known: KnownDefinitions, { event, append }: Statements, logger: Logger): Approvals => {
  /** What each was when it was looked at: what waits for a person is not looked at again and again. */
  let looked = new Set<string>();
  let version = '';
  let isNews = true;
  /** Stated and not heard yet, by key: what they let in counts for what else is looked at. */
  let unheard: [key: string, offset: number][] = [];
  let stating: Promise<void> | undefined;
  const stopHearing = known.changed(() => {
    isNews = true;
  });

  const review = async (configuration: Configuration) => {
    isNews = false;
    if (version !== configuration.version) looked = new Set();
    version = configuration.version;
    const reviewed = reviewHeldBack(known.definitions, configuration, (one) => !looked.has(statusOf(one)));
    for (const { definition } of reviewed) looked.add(statusOf(definition));
    const approvals = approvalsOf(reviewed);
    try {
      const offsets = await append(approvals.map((data) => event('DefinitionReviewed', keyOf(data), data)));
      unheard = approvals.map((data, i) => [keyOf(data), offsets[i]!]);
    } catch (error) {
      logger.warn({ err: error }, 'approvals could not be recorded');
      for (const { definition } of reviewed) looked.delete(statusOf(definition));
      isNews = true;
    }
  };

  return {
    look: (configuration) => {
      unheard = unheard.filter(([key, offset]) => known.lastOf('DefinitionReviewed', key) < offset);
      if (stating || unheard.length > 0 || (!isNews && version === configuration.version)) return;
      stating = review(configuration).finally(() => {
        stating = undefined;
      });
    },
    stop: async () => {
      stopHearing();
      await stating;
    },
  };
};
