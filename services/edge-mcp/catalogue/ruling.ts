/** Whether a definition may be used without anybody's having looked at it. */
import type * as mesh from '../../../schemas/generated.ts';
import type { ServerConfiguration } from '../../runtime/configuration.ts';
import { difference, inWords } from './difference.ts';
import { notHarmless } from './wording.ts';

export type Ruling = { approve: string } | { holdBack: string };

/** What the mesh writes as the reviewer. */
export const MESH = 'mesh';
const WORDING = 'wording changed';

const json = (definition: Buffer): unknown => JSON.parse(definition.toString());

/**
 * @param reviewed the last word on what has this name; undefined: there is none.
 * @returns why it is approved, or why it waits for a person.
 */
export const ruling = (
  reviewed: mesh.DefinitionReviewed | undefined,
  now: Pick<mesh.DefinitionObserved, 'definition'>,
  findings: readonly string[],
  review: ServerConfiguration['review'],
): Ruling => {
  if (findings.length > 0) return { holdBack: `suspicious: ${findings[0]}` };
  if (review === 'all') return { holdBack: 'everything of this server is reviewed by a person' };
  if (!reviewed) return { approve: 'seen for the first time, and nothing in it is suspicious' };
  if (reviewed.verdict !== 'APPROVED') return { holdBack: 'what it was before was rejected' };
  // Small steps would add up to a long way.
  if (reviewed.by === MESH && reviewed.note.startsWith(WORDING))
    return { holdBack: 'its wording changed again since a person saw it' };
  const changes = difference(json(reviewed.definition), json(now.definition));
  const why = notHarmless(changes);
  if (why !== undefined) return { holdBack: why };
  return { approve: `${WORDING}: ${changes.map(inWords).join('; ').slice(0, 2_000)}` };
};
