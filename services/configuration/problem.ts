/** A mapping's key or a list's index. */
export type Segment = string | number;

/** What is wrong at a path of mesh.yaml, before its line is known. */
export interface Finding {
  path: readonly Segment[];
  message: string;
}

/** Something to correct, and where. */
export interface Problem {
  /** As it was given, e.g. mesh.yaml or policies/access.cedar. */
  file: string;
  /** 1 for the first. */
  line: number;
  column: number;
  /** e.g. models.small.targets[0].weight; empty where the problem is with the file. */
  path: string;
  /** What is wrong and what to do. Never a secret. */
  message: string;
}

/** `models.small.targets[0].weight` */
export const printPath = (path: readonly Segment[]): string =>
  path.reduce<string>(
    (text, segment) => (typeof segment === 'number' ? `${text}[${segment}]` : text ? `${text}.${segment}` : segment),
    '',
  );

/** `mesh.yaml:12:5 models.small.fallbacks: cycle small → large → small` */
export const printProblem = ({ file, line, column, path, message }: Problem): string =>
  `${file}:${line}:${column} ${path ? `${path}: ` : ''}${message}`;

/** A configuration that was not applied. @property problems all that is wrong with it. */
export class ConfigurationRefused extends Error {
  readonly code = 'PARLEY_CONFIGURATION_REFUSED';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(printProblem).join('\n'));
    this.name = 'ConfigurationRefused';
    this.problems = problems;
  }
}
