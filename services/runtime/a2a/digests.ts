/**
 * By what a task's status and artifacts are known again without keeping them. Members of JSON objects are put in order
 * first: the same thing may come by several ways.
 */
import { hash } from 'node:crypto';
import { Artifact, Part, TaskStatus } from '@a2a-js/sdk';

const inOrder = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

const digest = (text: string, digits = 32): string => hash('sha256', text, 'hex').slice(0, digits);

/** State, timestamp and message. */
export const statusDigest = (status: TaskStatus): string => digest(JSON.stringify(TaskStatus.toJSON(status), inOrder));

type Head = Omit<Artifact, 'parts'>;

const headDigest = ({ artifactId, name, description, metadata, extensions }: Head): string =>
  digest(
    JSON.stringify(Artifact.toJSON({ artifactId, name, description, metadata, extensions, parts: [] }), inOrder),
    16,
  );

const NO_PARTS = digest('');

const chained = (chain: string, part: Part): string => digest(`${chain} ${JSON.stringify(Part.toJSON(part), inOrder)}`);

/** head.chain: the chain is over the parts, so that it goes on where parts are appended. */
export const artifactDigest = (artifact: Artifact): string =>
  `${headDigest(artifact)}.${artifact.parts.reduce(chained, NO_PARTS)}`;

const isBare = ({ name, description, metadata, extensions }: Head) =>
  !name && !description && !metadata && extensions.length === 0;

/**
 * The digest of an artifact to which `more` was appended, by its digest of before. Where `more` also changes the head, it is
 * a digest that no artifact has: said whole, the artifact then counts as new.
 */
export const appendedDigest = (before: string, more: Artifact): string => {
  const [head = '', chain = ''] = before.split('.');
  const added = headDigest(more);
  const after = isBare(more) || added === head ? head : digest(`${head} ${added}`, 16);
  return `${after}.${more.parts.reduce(chained, chain)}`;
};

/**
 * How many of the artifact's parts the digest is of.
 * @returns undefined where it is none of this artifact, as it is or as it was with fewer parts.
 */
export const knownParts = (before: string, artifact: Artifact): number | undefined => {
  const [head, wanted] = before.split('.');
  if (head !== headDigest(artifact)) return undefined;
  let chain = NO_PARTS;
  if (chain === wanted) return 0;
  const last = artifact.parts.findIndex((part) => {
    chain = chained(chain, part);
    return chain === wanted;
  });
  return last < 0 ? undefined : last + 1;
};
