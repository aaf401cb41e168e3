/** What MCP servers offer, as a person reads of it. Their texts are hostile until somebody has read them. */
import { difference, inWords, visible } from '../../services/edge-mcp/catalogue/difference.ts';
import type { Reviewed } from '../../services/edge-mcp/catalogue/review.ts';
import { annotationsOf, type Definition, type Standing, standingOf } from '../../services/runtime/mcp/definitions.ts';
import { plain, table } from '../text.ts';
import { wordOf } from './known.ts';

const standings: Readonly<Record<Standing, string>> = {
  'in-force': 'in force',
  'held-back': 'held back',
  rejected: 'rejected',
  gone: 'gone',
};

export const nameOf = ({ server, name }: Pick<Definition, 'server' | 'name'>): string =>
  plain(visible(`${server}/${name}`), 100);

const hints = (definition: Definition): string =>
  standingOf(definition) === 'gone'
    ? ''
    : Object.entries(annotationsOf(definition))
        .map(([hint, value]) => (value === 'true' ? hint : `${hint}: ${value}`))
        .join(', ');

const reviewedBy = ({ observed, reviewed }: Definition): string =>
  reviewed && reviewed.digest === observed?.digest ? plain(visible(reviewed.by), 40) : '';

export const definitionTable = (definitions: readonly Definition[]): string[] =>
  table([
    ['name', 'kind', 'is', 'reviewed by', 'hints of its server'],
    ...definitions.map((one) => [
      nameOf(one),
      wordOf(one.kind),
      standings[standingOf(one)],
      reviewedBy(one),
      plain(visible(hints(one)), 80),
    ]),
  ]);

const whyOf = ({ ruling }: Reviewed): string =>
  'holdBack' in ruling ? ruling.holdBack : 'it is about to be approved by a rule';

export const pendingText = (pending: readonly Reviewed[]): string[] =>
  pending.flatMap((one) => {
    const { definition, findings } = one;
    const kind = definition.kind === 'TOOL' ? '' : ` (${wordOf(definition.kind)})`;
    return [
      `${nameOf(definition)}${kind}: ${definition.reviewed ? 'changed' : 'new'}`,
      ...(findings.length > 0
        ? findings.map((finding) => `  ! ${plain(visible(finding), 300)}`)
        : [`  ${plain(visible(whyOf(one)), 300)}`]),
    ];
  });

const parsed = (definition: Buffer): unknown => JSON.parse(definition.toString());

const wholeLines = (definition: Buffer): string[] => visible(JSON.stringify(parsed(definition), null, 2)).split('\n');

const findingLines = (findings: readonly string[]): string[] =>
  findings.length === 0
    ? ['The rules find nothing suspicious.']
    : ['The rules find:', ...findings.map((finding) => `  ! ${plain(visible(finding), 300)}`)];

const reviewLine = ({ observed, reviewed }: Definition): string => {
  if (!reviewed) return 'Nobody has reviewed it.';
  const { verdict, by, note, digest } = reviewed;
  const what = digest === observed?.digest ? 'It was' : 'What it was before was';
  return plain(visible(`${what} ${verdict.toLowerCase()} by ${by}${note ? `: ${note}` : ''}`), 600);
};

/** @param findings those recorded, and what has come to be since. */
export const showText = (definition: Definition, findings: readonly string[]): string[] => {
  const { kind, observed } = definition;
  const gone = standingOf(definition) === 'gone';
  return [
    `${wordOf(kind)} ${nameOf(definition)}: ${standings[standingOf(definition)]}`,
    reviewLine(definition),
    ...(gone || !observed
      ? []
      : [`sha256 ${observed.digest}`, ...findingLines(findings), ...wholeLines(observed.definition)]),
  ];
};

const approving = (definition: Definition): string => {
  const kind = definition.kind === 'TOOL' ? '' : ` --kind ${wordOf(definition.kind)}`;
  return `To let it be used as it is now: parley tools approve ${nameOf(definition)}${kind} --digest ${definition.observed!.digest.slice(0, 12)}`;
};

/** What it was when it was last reviewed, beside what it is; of a new one all of it. */
export const diffText = (definition: Definition, findings: readonly string[]): string[] => {
  const { observed, reviewed } = definition;
  if (!observed || observed.digest === '')
    return [`${nameOf(definition)} is gone from its server.`, reviewLine(definition)];
  if (!reviewed)
    return [
      `${nameOf(definition)} is new: there is nothing to compare it with. All of it:`,
      ...wholeLines(observed.definition).map((line) => `  ${line}`),
      ...findingLines(findings),
      approving(definition),
    ];
  if (reviewed.digest === observed.digest)
    return [`${nameOf(definition)} is as it was reviewed.`, reviewLine(definition)];
  return [
    `${nameOf(definition)} has changed.`,
    reviewLine(definition),
    ...difference(parsed(reviewed.definition), parsed(observed.definition)).map((change) => `  ${inWords(change)}`),
    ...findingLines(findings),
    approving(definition),
  ];
};
