/**
 * JSON as bytes: how deep it is, where the members of the outermost object and their parts lie, and another value put in one's place with
 * every other value left as it was, byte for byte. So what the mesh does not know passes through it, big integers too.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const isOpening = (byte: number) => byte === BRACKET || byte === 0x7b;
const isClosing = (byte: number) => byte === 0x5d || byte === 0x7d;
const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

export interface Member {
  key: string;
  /** From the quote of its key … */
  start: number;
  valueStart: number;
  /** … to the byte after its value. */
  end: number;
}

/** From the byte at `start` to the one before `end`. */
export interface Part {
  start: number;
  end: number;
}

export interface Outline {
  /** How many brackets are open at the deepest place. */
  depth: number;
  /** Of the outermost object, in order, duplicates included. Means something only where the bytes are JSON. */
  members: Member[];
  /**
   * What a later message may say again, in order: each string in the outermost object, and each element of an array in it
   * with the comma before it. Only of MIN_PART_BYTES and more. Means something only where the bytes are JSON.
   */
  parts: Part[];
}

/** A reference to fewer would save nothing worth having. */
const MIN_PART_BYTES = 24;

const endOfString = (json: Buffer, quote: number): number => {
  let end = quote;
  for (;;) {
    end = json.indexOf(QUOTE, end + 1);
    if (end < 0) return json.length;
    let backslashes = 0;
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
};

const keyOf = (quoted: string): string => {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return '';
  }
};

/**
 * Takes no JSON for granted, needs no stack and no memory beyond the members: safe on what nobody has looked at yet.
 * Stops where `maxDepth` is passed.
 */
export const outlineOf = (json: Buffer, maxDepth = Number.POSITIVE_INFINITY): Outline => {
  const members: Member[] = [];
  const parts: Part[] = [];
  let partAt = -1;
  let open = 0;
  let depth = 0;
  let member: { key: string; start: number; valueStart: number } | undefined;
  let keyAt = -1;
  const endPart = (start: number, at: number) => {
    let end = at;
    while (isSpace(json[end - 1])) end -= 1;
    if (end - start >= MIN_PART_BYTES) parts.push({ start, end });
  };
  const close = (at: number) => {
    if (member) {
      let end = at;
      while (isSpace(json[end - 1])) end -= 1;
      members.push({ ...member, end });
    }
    member = undefined;
    keyAt = -1;
  };
  for (let i = 0; i < json.length && depth <= maxDepth; i++) {
    const byte = json[i]!;
    if (byte === QUOTE) {
      const end = endOfString(json, i);
      if (open === 1 && !member) keyAt = i;
      else if (open === 1) endPart(i, end + 1);
      i = end;
    } else if (isOpening(byte)) {
      open += 1;
      if (open > depth) depth = open;
      if (open === 2) partAt = member && byte === BRACKET ? i + 1 : -1;
    } else if (isClosing(byte)) {
      if (open === 1) close(i);
      if (open === 2 && partAt >= 0) endPart(partAt, i);
      open -= 1;
    } else if (open === 1 && byte === COLON && !member && keyAt >= 0) {
      let valueStart = i + 1;
      while (isSpace(json[valueStart])) valueStart += 1;
      member = { key: keyOf(json.toString('utf8', keyAt, endOfString(json, keyAt) + 1)), start: keyAt, valueStart };
    } else if (byte === COMMA && open === 1) close(i);
    else if (byte === COMMA && open === 2 && partAt >= 0) {
      endPart(partAt, i);
      partAt = i;
    }
  }
  return { depth, members, parts };
};

const hasDuplicates = (members: readonly Member[]) => new Set(members.map((m) => m.key)).size < members.length;

/**
 * The object with these members set, each to JSON text; null leaves a member out. Returns `json` itself when that changes
 * nothing. An object with a member given twice is written anew from its parsed form: a reader that takes the first of the
 * two would otherwise see what the mesh never looked at.
 * @param json an object, known to parse.
 */
export const withMembers = (json: Buffer, values: Readonly<Record<string, string | null>>): Buffer => {
  const { members } = outlineOf(json);
  if (hasDuplicates(members)) return withMembers(Buffer.from(JSON.stringify(JSON.parse(json.toString()))), values);
  const differs = (m: Member) =>
    Object.hasOwn(values, m.key) && json.toString('utf8', m.valueStart, m.end) !== values[m.key];
  const present = new Set(members.map((m) => m.key));
  const added = Object.entries(values).filter(([key, value]) => value !== null && !present.has(key));
  if (!members.some(differs) && added.length === 0) return json;
  const kept = members.filter((m) => !Object.hasOwn(values, m.key) || values[m.key] !== null);
  const parts = kept.map((m) => {
    const value = Object.hasOwn(values, m.key) ? values[m.key] : null;
    if (typeof value !== 'string') return json.subarray(m.start, m.end);
    return Buffer.concat([json.subarray(m.start, m.valueStart), Buffer.from(value)]);
  });
  for (const [key, value] of added) parts.push(Buffer.from(`${JSON.stringify(key)}:${value}`));
  const joined = parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from(','), part]));
  return Buffer.concat([Buffer.from('{'), ...joined, Buffer.from('}')]);
};

/** The value of a member of the outermost object, the last one of that name; undefined where there is none. */
export const memberOf = (json: Buffer, key: string): unknown => {
  const member = outlineOf(json).members.findLast((m) => m.key === key);
  return member && JSON.parse(json.toString('utf8', member.valueStart, member.end));
};
