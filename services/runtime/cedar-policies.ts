/** Cedar texts: their policies, by id, and what is wrong with them, where. */
import { type Cedar, type DetailedError, loadCedar } from './cedar-library.ts';

/** A text of Cedar policies, e.g. a file's. */
export interface PolicyText {
  id: string;
  text: string;
}

export interface PolicyProblem {
  /** The id of the text. */
  id: string;
  /** 1 for the first. */
  line: number;
  column: number;
  message: string;
}

const tooDeep = 'has an expression too long or too deep for Cedar: use sets, or several policies';

interface Checked {
  /** The texts of single policies, by the ids that decisions name. */
  policies: Record<string, string>;
}

/** The policies of all texts, each with an id of its own and valid under the schema; or every problem. */
export const checkPolicies = (texts: readonly PolicyText[], schema: string): Checked | PolicyProblem[] => {
  const policies = new Map<string, string>();
  const problems: PolicyProblem[] = [];
  let cedar = loadCedar();
  for (const text of texts)
    try {
      problems.push(...check(cedar, text, schema, policies));
    } catch {
      problems.push(problemAt(text, 0, tooDeep));
      cedar = loadCedar();
    }
  return problems.length > 0 ? problems : { policies: Object.fromEntries(policies) };
};

const check = (cedar: Cedar, text: PolicyText, schema: string, policies: Map<string, string>): PolicyProblem[] => {
  const parts = cedar.policySetTextToParts(text.text);
  if (parts.type === 'failure') return parts.errors.flatMap((error) => explain(text, error));
  if (parts.policy_templates.length > 0)
    return [problemAt(text, 0, 'holds a template (?principal or ?resource): nothing fills it in; name the entity')];

  const problems: PolicyProblem[] = [];
  for (const [index, policy] of inOrder(parts.policies).entries()) {
    const parsed = cedar.policyToJson(policy);
    if (parsed.type === 'failure' || isDeep(parsed.json)) {
      problems.push(problemAt(text, offsetOf(text, policy), tooDeep));
      continue;
    }
    const id = parsed.json.annotations?.id || `${text.id}#${index + 1}`;
    if (policies.has(id)) problems.push(problemAt(text, offsetOf(text, policy), `another policy has the id ${id}`));
    policies.set(id, policy);
  }
  const validated = cedar.validate({ schema, policies: { staticPolicies: text.text } });
  if (validated.type === 'failure') return [...problems, ...validated.errors.flatMap((error) => explain(text, error))];
  return [...problems, ...validated.validationErrors.flatMap(({ error }) => explain(text, error))];
};

/** Cedar sorts the parts by the names policy0, policy1, policy10, policy2 … of their places. */
const inOrder = (parts: readonly string[]): string[] => {
  const places = parts.map((_, place) => place).sort((a, b) => (`${a}` < `${b}` ? -1 : 1));
  const ordered = new Array<string>(parts.length);
  for (const [i, place] of places.entries()) ordered[place] = parts[i]!;
  return ordered;
};

/** Beyond about 500 of an expression's levels, each two of its JSON, evaluation would overflow what parsing does not. */
const mostLevels = 400;

const isDeep = (json: unknown): boolean => {
  let levels = 0;
  for (let level = [json]; level.length > 0 && levels <= mostLevels; levels++)
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  return levels > mostLevels;
};

const explain = (text: PolicyText, { message, help, sourceLocations = [] }: DetailedError): PolicyProblem[] => {
  const [where] = sourceLocations;
  const what = message.replace(/^for policy `policy\d+`, /, '');
  const hints = [where?.label, help?.replace(/^for policy `policy\d+`, /, '')].filter(Boolean);
  return [problemAt(text, where?.start ?? 0, [what, ...hints].join('; '))];
};

/** Cedar counts bytes. */
const offsetOf = ({ text }: PolicyText, policy: string) => Buffer.byteLength(text.slice(0, text.lastIndexOf(policy)));

const problemAt = ({ id, text }: PolicyText, offset: number, message: string): PolicyProblem => {
  const before = Buffer.from(text).subarray(0, offset).toString().split('\n');
  return { id, line: before.length, column: before.at(-1)!.length + 1, message };
};
