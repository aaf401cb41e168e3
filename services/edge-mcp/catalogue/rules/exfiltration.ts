/** Parameters by which a model is made to hand over what it was not asked for. */
import { isObject } from '../json.ts';
import { asRead, segment, wordsOf } from './texts.ts';

interface Parameter {
  pointer: string;
  name: string;
  description: string;
}

const MOST_LEVELS = 64;
/** Of a name or a description, in characters. */
const LONGEST = 10_000;

/** Named members of all schemas in a schema. */
const properties = (schema: unknown, pointer: string, level = 0): Parameter[] => {
  if (level > MOST_LEVELS) return [];
  if (Array.isArray(schema)) return schema.flatMap((one, i) => properties(one, `${pointer}/${i}`, level + 1));
  if (!isObject(schema)) return [];
  const own = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  return [
    ...own.map(([name, of]) => ({
      pointer: `${pointer}/properties${segment(name)}`,
      name,
      description: isObject(of) && typeof of.description === 'string' ? of.description : '',
    })),
    ...Object.entries(schema).flatMap(([key, member]) => properties(member, pointer + segment(key), level + 1)),
  ];
};

const parametersOf = ({ inputSchema, arguments: given }: Readonly<Record<string, unknown>>): Parameter[] => [
  ...properties(inputSchema, '/inputSchema'),
  ...(Array.isArray(given) ? given : []).filter(isObject).map(({ name, description }, i) => ({
    pointer: `/arguments/${i}`,
    name: String(name),
    description: typeof description === 'string' ? description : '',
  })),
];

type Rule = readonly [name: RegExp | undefined, description: RegExp | undefined, says: string];

const RULES: readonly Rule[] = [
  [
    /^(full |entire |whole |complete |current |user |all |previous |chat )*(conversation|chat|message|dialog|dialogue|context)s? (history|log|transcript|context|text|content|contents|messages|window|so far|dump)$|^(full |entire |whole |complete )*(conversation|transcript)$/,
    /\b(full|entire|complete|whole|all|verbatim)\b.{0,30}\b(conversation|chat history|message history|transcript|context window|previous messages|dialog(ue)?)\b|\b(conversation|chat) (history|so far|transcript)\b/,
    'takes the conversation',
  ],
  [
    /(^| )(system|developer|initial) (prompt|message|instructions?)$/,
    /\b(your|the|current) (system prompt|system message|initial instructions|own instructions|developer message)\b/,
    'takes the system prompt',
  ],
  [
    /(^| )(password|passwords|passphrase|passwd|secrets?|credentials?|cookies?|private key|ssh key|api ?keys?|(access|auth|bearer|refresh|session|id) token)$/,
    /\b(the |your |user['’]?s? )(user['’]?s? )?(passwords?|credentials?|api keys?|private keys?|ssh keys?|access tokens?|secrets|cookies)\b|(~\/\.|\.ssh\b|\bid_rsa\b|\/etc\/(passwd|shadow))/,
    'takes secrets',
  ],
  [
    /(^| )side ?notes?$|^(hidden|internal|secret) (notes?|data|field|context|info)$|^(thoughts?|reasoning|chain of thought|scratch ?pad)$/,
    /\bside ?notes?\b|\b(your|the model['’]?s?) (private |internal |hidden )?(thoughts|reasoning|chain of thought)\b/,
    'takes what the model would keep to itself (a side note)',
  ],
  [
    /^(process |shell |all |user |system )?(env|environment) ?(vars?|variables)$|^environ$|^process env$/,
    /\b(all|every|current|your|full|the process['’]?s?) (of the |the )?environment variables\b|\b(output|result) of (env|printenv)\b/,
    'takes environment variables',
  ],
];

/** A sentence for each parameter and rule. */
export const exfiltration = (definition: Readonly<Record<string, unknown>>): string[] =>
  parametersOf(definition).flatMap(({ pointer, name, description }) => {
    const [named, described] = [wordsOf(name.slice(0, LONGEST)), asRead(description.slice(0, LONGEST))];
    return RULES.flatMap(([byName, byDescription, says]) => {
      if (byName?.test(named)) return [`${pointer} ${says}, by its name`];
      return byDescription?.test(described) ? [`${pointer} ${says}, by its description`] : [];
    });
  });
