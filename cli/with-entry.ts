import { type Document, isMap, parseDocument, stringify, type YAMLMap } from 'yaml';
import { ConfigurationRefused } from '../services/configuration/problem.ts';
import { readMeshFile } from '../services/configuration/read-mesh-file.ts';

const nested = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);

/** The innermost mapping of the path that is there and written in lines; undefined: one on the way is not, or is empty. */
const innermost = (document: Document, path: readonly string[]): { map: YAMLMap; depth: number } | undefined => {
  let map: unknown = document.contents;
  for (let depth = 0; isMap(map) && !map.flow && map.range; depth++) {
    const next = depth < path.length ? map.get(path[depth]!, true) : undefined;
    if (next === undefined) return { map, depth };
    map = next;
  }
  return undefined;
};

/** The library would lay out the whole file anew: what is added is put between the lines that are there, where it can be. */
const added = (text: string, document: Document, path: readonly string[], value: unknown): string => {
  const place = innermost(document, path);
  const lines = (depth: number) => stringify(nested(path.slice(depth), value), { lineWidth: 0 });
  const begun = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  if (document.contents === null || place?.depth === 0) return begun + lines(0);
  if (!place) {
    document.setIn(path, document.createNode(value));
    return document.toString({ lineWidth: 0 });
  }
  const [start, end] = place.map.range!;
  const indent = ' '.repeat(start - text.lastIndexOf('\n', start - 1) - 1);
  const at = begun[end - 1] === '\n' ? end : begun.indexOf('\n', end) + 1;
  return begun.slice(0, at) + lines(place.depth).replaceAll(/^(?=.)/gm, indent) + begun.slice(at);
};

/**
 * A mesh.yaml with one more entry; the rest of it stays as it is.
 * @param path of the entry, its name last. @param file what problems call it.
 * @throws ConfigurationRefused where the file is not right, or would not be; Error where there is such an entry.
 */
export const withEntry = (text: string, file: string, path: readonly string[], value: unknown): string => {
  const document = parseDocument(text);
  if (document.hasIn(path)) throw new Error(`${file} has ${path.join('.')} already`);
  const more = document.errors.length === 0 ? added(text, document, path, value) : text;
  const read = readMeshFile(Buffer.from(more), file);
  if (Array.isArray(read)) throw new ConfigurationRefused(read);
  return more;
};
