import { explain } from './explain.ts';
import { fallbackFindings } from './fallbacks.ts';
import { type MeshFile, meshFile } from './mesh-file.ts';
import { type Finding, type Problem, printPath } from './problem.ts';
import { referenceFindings } from './references.ts';
import { secretFindings } from './secrets.ts';
import { servedFindings } from './served.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

/** A mesh.yaml that is right in itself: only its environment and its policies can still be wrong. */
export interface ReadMeshFile {
  file: MeshFile;
  /** A later finding, at its line. */
  locate(finding: Finding): Problem;
}

const mostTold = 100;

/**
 * mesh.yaml, or everything that is wrong with it, in the order of its lines.
 * @param path what problems call the file.
 */
export const readMeshFile = (bytes: Uint8Array, path: string): ReadMeshFile | Problem[] => {
  const source = readYaml(bytes, path);
  if (Array.isArray(source)) return source;
  const parsed = meshFile.safeParse(source.value, { reportInput: true });
  const misshapen = parsed.error?.issues.flatMap(explain) ?? [];
  const isMisshapen = new Set(misshapen.map(({ path }) => printPath(path)));
  const findings = [
    ...misshapen,
    ...referenceFindings(source.value).filter(({ path }) => !isMisshapen.has(printPath(path))),
    ...fallbackFindings(source.value),
    ...secretFindings(source.value),
  ];
  if (findings.length > 0 || !parsed.success) return located(findings, source);
  const unserved = servedFindings(parsed.data);
  return unserved.length > 0 ? located(unserved, source) : { file: parsed.data, locate: source.locate };
};

const located = (findings: readonly Finding[], { locate }: YamlSource): Problem[] => {
  const told = findings.slice(0, mostTold).map(locate);
  told.sort((a, b) => a.line - b.line || a.column - b.column);
  const more = findings.length - told.length;
  return more > 0 ? [...told, locate({ path: [], message: `and ${more} more problems` })] : told;
};
