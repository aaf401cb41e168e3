import {
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from 'yaml';
import type { Finding, Problem, Segment } from './problem.ts';
import { printPath } from './problem.ts';

/** A YAML file's value, and where its parts are. */
export interface YamlSource {
  value: unknown;
  /** A finding, at the line of the nearest part of its path that there is. */
  locate(finding: Finding): Problem;
}

const maxBytes = 1024 ** 2;
const maxAliases = 100;
const maxDepth = 16;
const tooDeep = 'is nested too deeply';

/** Reads one YAML document, with the lines of its parts. @param file what problems call it. */
export const readYaml = (bytes: Uint8Array, file: string): YamlSource | Problem[] => {
  const wholeFile = (message: string): Problem[] => [{ file, line: 1, column: 1, path: '', message }];
  if (bytes.length > maxBytes) return wholeFile('is larger than 1 MiB');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return wholeFile('is not UTF-8 text');
  }
  try {
    return parse(text, file);
  } catch (error) {
    if (error instanceof RangeError) return wholeFile(tooDeep);
    return wholeFile(`cannot be read: ${withoutQuote((error as Error).message)}`);
  }
};

const parse = (text: string, file: string): YamlSource | Problem[] => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const problemAt = (offset: number, path: string, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.some(({ message }) => /call stack/.test(message))) return [problemAt(0, '', tooDeep)];
  if (faults.length > 0) return faults.slice(0, 100).map((fault) => problemAt(fault.pos[0], '', explain(fault, text)));
  if (document.contents === null) return [problemAt(0, '', 'is empty')];

  const value: unknown = document.toJS({ maxAliasCount: maxAliases });
  if (depth(value) > maxDepth) return [problemAt(0, '', tooDeep)];
  const locate = ({ path, message }: Finding): Problem => {
    let node: unknown = document.contents;
    let offset = 0;
    for (const segment of path) {
      if (isAlias(node)) node = node.resolve(document);
      const next = step(node, segment);
      if (!next) break;
      offset = next.anchor.range?.[0] ?? offset;
      node = next.value;
    }
    return problemAt(offset, printPath(path), message);
  };
  return { value, locate };
};

const explain = ({ code, message, pos }: YAMLError, text: string): string => {
  if (code === 'DUPLICATE_KEY') return `${/^[^:\s]*/.exec(text.slice(pos[0]))} is there twice: remove one`;
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: remove it';
  return `YAML: ${ownWords[code] ?? withoutQuote(message)}`;
};

/** Errors that say what stands there, which may be a secret; these have their own words, as a quote is in the middle. */
const ownWords: Partial<Record<ErrorCode, string>> = {
  BAD_DIRECTIVE: 'a line that begins with % is not a directive of YAML 1.2',
  BAD_DQ_ESCAPE: 'Invalid escape sequence',
  TAG_RESOLVE_FAILED: 'Unresolved tag',
};

const withoutQuote = (message: string): string => message.replace(/(?<=\S): .*$/s, '');

const depth = (value: unknown): number => {
  let levels = 0;
  for (let level = [value]; level.length > 0 && levels <= maxDepth; levels++)
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  return levels;
};

/** A member of a mapping is shown at its key, an item of a list at itself. */
const step = (node: unknown, segment: Segment): { anchor: Node; value: unknown } | undefined => {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
    return pair && { anchor: pair.key as Node, value: pair.value };
  }
  const item = isSeq(node) ? node.items[Number(segment)] : undefined;
  return item === undefined ? undefined : { anchor: item as Node, value: item };
};
