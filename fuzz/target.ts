/** What is fuzzed: something that parses bytes from outside, and what must hold of it whatever the bytes are. */
import type fc from 'fast-check';

export interface Target {
  name: string;
  /** Tokens that the parser knows, put into inputs now and then. */
  dictionary?: readonly string[];
  /** Inputs of the right shape: what bytes alone would be long in finding. */
  structured?: fc.Arbitrary<Uint8Array>;
  /** Packages of node_modules whose blocks are followed too. */
  libraries?: readonly string[];
  /** How many inputs are run before it is looked at what they reached; fewer where each takes long. */
  batch?: number;
  /** @throws Broken where a property does not hold; anything else is a finding too. */
  run(bytes: Buffer): void | Promise<void>;
  /** Ends what the target has running. */
  close?(): Promise<void>;
}

/** A property that does not hold. */
export class Broken extends Error {
  override readonly name = 'Broken';
  readonly property: string;
  /** @param property the same for all inputs that break it; what tells them apart goes into the message. */
  constructor(property: string, message = '') {
    super(message === '' ? property : `${property}: ${message}`);
    this.property = property;
  }
}

/** @throws Broken unless it holds. */
export function holds(condition: unknown, property: string, message?: () => string): asserts condition {
  if (!condition) throw new Broken(property, message?.().slice(0, 500));
}

/** The names of the targets, each a file of `targets/`. */
export const targetNames = [
  'avro',
  'cedar',
  'headers',
  'http',
  'http-body',
  'mcp-definition',
  'mcp-http',
  'mcp-request',
  'mcp-stdio',
  'mcp-upstream',
  'mesh-yaml',
  'record',
  'redaction',
  'sealed',
  'sse',
  'stream',
] as const;
