import type { Statement, Told } from './records.ts';

/** Everything that the log has of a task. */
export interface Journal {
  /** In the order of the inbox, each once; the first is the message that began the task. */
  told: Told[];
  /** In the order of the outbox, each once. */
  said: Said[];
}

export interface Said {
  statement: Statement;
  /** How many records of the inbox the handler had been told when it said this. */
  after: number;
}

const firstOfEach = <T extends { id: string }>(records: readonly T[]): T[] => {
  const seen = new Set<string>();
  return records.filter(({ id }) => !seen.has(id) && seen.add(id));
};

/**
 * Two topics have no order between them. A statement names the record that it follows, so the order in which the
 * handler learned things can be told exactly; what was repeated after a crash counts where it was first.
 */
export const journalOf = (inbox: readonly Told[], outbox: readonly Statement[]): Journal => {
  const told = firstOfEach(inbox);
  const places = new Map(told.map(({ id }, i) => [id, i + 1]));
  let after = 1;
  const said = firstOfEach(outbox).map((statement) => {
    after = Math.max(after, places.get(statement.causationId) ?? after);
    return { statement, after };
  });
  return { told, said };
};

/** Whether the agent had been told that nothing it says is heard any more before it was told of `id`. */
export const wasSilenced = ({ told }: Journal, id: string): boolean => {
  const at = told.findIndex((record) => record.id === id);
  return told.slice(0, at).some(({ type }) => type === 'CancelDelivered');
};

/** Whether the agent is done with the task: what comes now changes nothing. */
export const hasEnded = ({ said }: Journal): boolean => said.some(({ statement }) => statement.kind === 'end');
