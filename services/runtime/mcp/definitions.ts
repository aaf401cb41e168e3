/**
 * What MCP servers offer, and what of it may be used: a fold of mesh.definitions and mesh.reviews. A definition is in force where
 * the one that was approved is the one that its server has now. Any other is held back.
 */
import type * as mesh from '../../../schemas/generated.ts';
import type { EventData } from '../../../topics/index.ts';

export type DefinitionKind = Exclude<mesh.DefinitionKind, 'UNSPECIFIED'>;

/** Where it stands: may be used, waits for a review, was refused, or is gone from its server. */
export type Standing = 'in-force' | 'held-back' | 'rejected' | 'gone';

/** The name of a server's instructions, of which it has one text. */
export const INSTRUCTIONS = 'instructions';

export interface Definition {
  server: string;
  kind: DefinitionKind;
  /** The server's own name for it. */
  name: string;
  /** As its server has it now; undefined before it was observed. */
  observed?: mesh.DefinitionObserved;
  /** The last word on it. */
  reviewed?: mesh.DefinitionReviewed;
}

export interface Definitions {
  /** By `keyOf`. */
  all: Map<string, Definition>;
  /** By server. */
  servers: Map<string, mesh.ServerObserved>;
}

/** The types that it is folded from. */
export const definitionTypes = ['ServerObserved', 'DefinitionObserved', 'DefinitionReviewed'] as const;
export type DefinitionType = (typeof definitionTypes)[number];

export const noDefinitions = (): Definitions => ({ all: new Map(), servers: new Map() });

/** The key of its records: what comes before the last slash is its server, since no server's name has one. */
export const keyOf = ({ server, kind, name }: { server: string; kind: mesh.DefinitionKind; name: string }): string =>
  `${server}/${kind} ${encodeURIComponent(name)}`;

const known = ({ all }: Definitions, data: mesh.DefinitionObserved | mesh.DefinitionReviewed): Definition => {
  const { server, kind, name } = data;
  const key = keyOf(data);
  const definition = all.get(key) ?? { server, kind: kind as DefinitionKind, name };
  all.set(key, definition);
  return definition;
};

/** Changes `definitions` in place. */
export const foldDefinition = <T extends DefinitionType>(
  definitions: Definitions,
  { type, data }: { type: T; data: EventData[T] },
): void => {
  switch (type) {
    case 'ServerObserved':
      definitions.servers.set((data as mesh.ServerObserved).server, data as mesh.ServerObserved);
      break;
    case 'DefinitionObserved':
      known(definitions, data as mesh.DefinitionObserved).observed = data as mesh.DefinitionObserved;
      break;
    case 'DefinitionReviewed':
      known(definitions, data as mesh.DefinitionReviewed).reviewed = data as mesh.DefinitionReviewed;
  }
};

export const standingOf = ({ observed, reviewed }: Definition): Standing => {
  if (!observed || observed.digest === '') return 'gone';
  if (reviewed?.digest !== observed.digest) return 'held-back';
  return reviewed.verdict === 'APPROVED' ? 'in-force' : 'rejected';
};

export const definitionOf = (
  { all }: Definitions,
  server: string,
  kind: DefinitionKind,
  name: string,
): Definition | undefined => all.get(keyOf({ server, kind, name }));

/**
 * What is read of a definition as it was observed, worked out once: it is asked for at every call and for every list.
 * @param read called with what the server listed; empty where it is gone.
 */
export const ofObserved = <T>(read: (listed: Buffer) => T): ((observed: mesh.DefinitionObserved) => T) => {
  const known = new WeakMap<mesh.DefinitionObserved, { value: T }>();
  return (observed) => {
    const found = known.get(observed) ?? { value: read(observed.definition) };
    known.set(observed, found);
    return found.value;
  };
};

const hintsIn = ofObserved((listed): Record<string, string> => {
  const { annotations } = JSON.parse(listed.toString()) as { annotations?: unknown };
  if (typeof annotations !== 'object' || annotations === null) return {};
  return Object.fromEntries(
    Object.entries(annotations).flatMap(([name, value]) => (typeof value === 'boolean' ? [[name, String(value)]] : [])),
  );
});

/** MCP ToolAnnotations, as policies test them: the hints that the server gives, as text. */
export const annotationsOf = ({ observed }: Definition): Readonly<Record<string, string>> =>
  observed ? hintsIn(observed) : {};

const textIn = ofObserved((listed) => (JSON.parse(listed.toString()) as { instructions: string }).instructions);

/** What a server wants models to know, where it may be told. */
export const instructionsInForce = (definitions: Definitions, server: string): string | undefined => {
  const definition = definitionOf(definitions, server, 'INSTRUCTIONS', INSTRUCTIONS);
  return definition?.observed && standingOf(definition) === 'in-force' ? textIn(definition.observed) : undefined;
};
