/** What the mesh's rules say of definitions that are held back: which may be used, and why the others wait. */
import type * as mesh from '../../../schemas/generated.ts';
import type { Configuration, ServerConfiguration } from '../../runtime/configuration.ts';
import { type Definition, type Definitions, keyOf, standingOf } from '../../runtime/mcp/definitions.ts';
import { MOST_TEXT, type Surroundings } from './assess.ts';
import { shadowing } from './rules/shadowing.ts';
import { textsOf } from './rules/texts.ts';
import { MESH, type Ruling, ruling } from './ruling.ts';
import { surroundingsOf, takenOf } from './surroundings.ts';

export interface Reviewed {
  definition: Definition;
  /** Those recorded, of the definition alone, and those of what stands beside it now. */
  findings: string[];
  ruling: Ruling;
}

const findingsNow = ({ kind, name, observed }: Definition, { own, neighbours }: Surroundings): string[] => {
  const texts = textsOf(JSON.parse(observed!.definition.toString()), MOST_TEXT);
  return [...new Set([...observed!.findings, ...shadowing({ kind, name }, texts, own, neighbours)])];
};

/**
 * In the order in which they came to be known: of two that can be taken for each other the first is approved.
 * @param wanted of those held back, which are looked at.
 */
export const reviewHeldBack = (
  definitions: Definitions,
  configuration: Pick<Configuration, 'servers' | 'resources'>,
  wanted: (definition: Definition) => boolean = () => true,
): Reviewed[] => {
  const servers = new Map<string, ServerConfiguration>(configuration.servers.map((one) => [one.name, one]));
  const taken = takenOf(definitions, configuration);
  const surroundings = new Map<string, Surroundings>();
  const reviewed: Reviewed[] = [];
  for (const definition of definitions.all.values()) {
    const server = servers.get(definition.server);
    if (!server || standingOf(definition) !== 'held-back' || !wanted(definition)) continue;
    const beside = surroundings.get(server.name) ?? surroundingsOf(definitions, configuration, server.name, taken);
    surroundings.set(server.name, beside);
    const findings = findingsNow(definition, beside);
    const said = ruling(definition.reviewed, definition.observed!, findings, server.review);
    reviewed.push({ definition, findings, ruling: said });
    if ('approve' in said) taken.add(definition);
  }
  return reviewed;
};

/** A verdict on a definition as it was observed. */
export const verdictOn = (
  { server, kind, name, observed }: Definition,
  verdict: Exclude<mesh.Verdict, 'UNSPECIFIED'>,
  by: string,
  note: string,
): mesh.DefinitionReviewed => ({
  server,
  kind,
  name,
  digest: observed!.digest,
  verdict,
  by,
  note,
  definition: observed!.definition,
});

export const approvalsOf = (reviewed: readonly Reviewed[]): mesh.DefinitionReviewed[] =>
  reviewed.flatMap(({ definition, ruling }) =>
    'approve' in ruling ? [verdictOn(definition, 'APPROVED', MESH, ruling.approve)] : [],
  );

/** What a look at it depends on. */
export const statusOf = ({ server, kind, name, observed, reviewed }: Definition): string =>
  `${keyOf({ server, kind, name })} ${observed?.digest} ${reviewed?.digest} ${reviewed?.verdict}`;
