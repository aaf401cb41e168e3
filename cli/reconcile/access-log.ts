/** An upstream's own access log, line by line. */
import { isObject, parseObject } from '../../services/edge-llm/openai/json.ts';
import type { Line } from './lines.ts';
import { timeOf } from './time.ts';

/** A call as the upstream says that it came. */
export interface AccessCall {
  /** Its line, from 1. */
  line: number;
  /** The x-client-request-id that it came with; empty: it came without. */
  id: string;
  /** The id that the upstream gave its answer; empty: not said. */
  responseId: string;
  /** Milliseconds since the epoch by the upstream's clock; NaN: not said. */
  at: number;
}

/** What a line says; undefined where it is not of this format. */
export type Format = (text: string) => Omit<AccessCall, 'line'> | undefined;

export interface Fields {
  id: string;
  /** The first of them that a line has. */
  responseId: readonly string[];
  time: string;
}

/** A member by its name, or by the path to it with dots. Access logs keep a header as a list of its values, some of them. */
const memberAt = (object: unknown, path: string): unknown => {
  if (!isObject(object)) return undefined;
  if (Object.hasOwn(object, path)) return Array.isArray(object[path]) ? object[path][0] : object[path];
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const [head, rest] = [path.slice(0, dot), path.slice(dot + 1)];
    if (Object.hasOwn(object, head)) return memberAt(object[head], rest);
  }
  return undefined;
};

/** An id as text; servers write a hyphen where there is none. */
const idOf = (value: unknown): string => (typeof value === 'string' && value !== '-' ? value : '');

/** A part of a string keeps the whole of it in memory. */
const copyOf = (part: string | undefined): string => Buffer.from(idOf(part)).toString();

/** One JSON object a line. */
export const jsonLines =
  ({ id, responseId, time }: Fields): Format =>
  (text) => {
    const line = parseObject(text);
    return (
      line && {
        id: idOf(memberAt(line, id)),
        responseId: responseId.map((field) => idOf(memberAt(line, field))).find((one) => one !== '') ?? '',
        at: timeOf(memberAt(line, time)),
      }
    );
  };

/** Plain lines. @param pattern with the named groups `id`, and `time` and `response` where there are such. */
export const plainLines =
  (pattern: RegExp): Format =>
  (text) => {
    const groups = pattern.exec(text)?.groups;
    return groups && { id: copyOf(groups.id), responseId: copyOf(groups.response), at: timeOf(groups.time) };
  };

export interface AccessLog {
  calls: AccessCall[];
  /** Lines that are of another format, and the numbers of the first of them. */
  bad: { count: number; first: number[] };
}

const FIRST = 5;

/** Reads a whole access log; of each line only what tells its call is kept. */
export const readAccessLog = async (lines: AsyncIterable<Line>, format: Format): Promise<AccessLog> => {
  const calls: AccessCall[] = [];
  const bad: AccessLog['bad'] = { count: 0, first: [] };
  for await (const { number, text } of lines) {
    const said = text === undefined ? undefined : format(text);
    if (said) calls.push({ line: number, ...said });
    else {
      bad.count += 1;
      if (bad.first.length < FIRST) bad.first.push(number);
    }
  }
  return { calls, bad };
};
