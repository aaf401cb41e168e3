import { foldDefinition, noDefinitions, standingOf } from '../services/runtime/mcp/definitions.ts';
import { about, firstOfEach, groupedBy, invariant, type Of, ofTypes } from './reading.ts';

/** By how long what a process knows of definitions may be behind, with clocks that do not agree. */
const MOST_LAG_MS = 90_000;

type Said = Of<'DefinitionObserved'> | Of<'DefinitionReviewed'>;

/** From where in the log on a tool is in force, or is not. */
interface Change {
  sequence: number;
  time: number;
  isInForce: boolean;
}

const changesOf = (said: readonly Said[]): Change[] => {
  const definitions = noDefinitions();
  return said.map((record) => {
    foldDefinition(definitions, record);
    const [definition] = definitions.all.values();
    const { sequence = 0, time } = record;
    return { sequence, time, isInForce: standingOf(definition!) === 'in-force' };
  });
};

/** Whether it was in force at some time of which a process may have believed that it is now. */
const mayBeTaken = (changes: readonly Change[], before: number, at: number): boolean =>
  changes.some(({ sequence, isInForce }, i) => {
    const until = changes[i + 1]?.time ?? Number.POSITIVE_INFINITY;
    return isInForce && sequence < before && until > at - MOST_LAG_MS;
  });

/** A tool whose definition is held back is neither let be called nor shown. */
export const onlyApproved = invariant('only what was approved', function* ({ records, shown = [] }) {
  const events = firstOfEach(records);
  const said = ofTypes(events, 'DefinitionObserved', 'DefinitionReviewed').filter(({ data }) => data.kind === 'TOOL');
  const byTool = groupedBy(said, ({ data }) => `${data.server}/${data.name}`);
  const changes = new Map([...byTool].map(([tool, own]) => [tool, changesOf(own)]));
  for (const permitted of ofTypes(events, 'RequestPermitted')) {
    const { action, resource } = permitted.data.request;
    if (action !== 'tool.call' || permitted.sequence === undefined) continue;
    if (!mayBeTaken(changes.get(resource.id) ?? [], permitted.sequence, permitted.time))
      yield about(permitted, `a call of ${resource.id} was permitted, which is held back`);
  }
  for (const { server, tool, at, logged } of shown)
    if (!mayBeTaken(changes.get(`${server}/${tool}`) ?? [], logged, at))
      yield { contextId: '', requestId: '', message: `a client was shown ${server}/${tool}, which is held back` };
});
