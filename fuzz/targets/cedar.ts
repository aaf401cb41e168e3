/** Cedar policies, and decisions by them. */
import { isDeepStrictEqual } from 'node:util';
import { parsePolicies } from '../../services/runtime/cedar.ts';
import { holds, type Target } from '../target.ts';

const asked = {
  subject: { tenant: 'example', unit: 'research', agent: 'notebook', person: 'owner@example.com' },
  action: 'model.chat',
  resource: { type: 'model', id: 'small', attributes: { size: 'small' } },
  context: { protocol: 'openai.chat', streaming: false, through: [] },
};

export const target: Target = {
  name: 'cedar',
  batch: 16,
  dictionary: [
    ...[
      'permit',
      'forbid',
      '(principal',
      ', action',
      ', resource',
      ');',
      ' in ',
      ' is ',
      ' == ',
      ' when { ',
      ' unless { ',
      ' };',
      '@id("',
    ],
    ...[
      'Tenant::"example"',
      'Unit::"example/research"',
      'Agent::',
      'Model::"small"',
      'Action::"model.chat"',
      'resource.hasTag("size")',
    ],
    ...[
      'resource.getTag("size")',
      'context.streaming',
      'principal.unit',
      'true',
      'false',
      ' && ',
      ' || ',
      '!',
      'if ',
      ' then ',
      ' else ',
      '?principal',
      'like "*"',
    ],
  ],
  run: (bytes) => {
    const text = bytes.toString();
    const parsed = parsePolicies([{ id: 'a.cedar', text }]);
    if (Array.isArray(parsed)) {
      holds(parsed.length > 0, 'what is refused has a problem');
      for (const { line, column, message } of parsed) {
        holds(
          Number.isInteger(line) && line >= 1 && line <= text.split('\n').length,
          'a problem has a line of the text',
        );
        holds(
          Number.isInteger(column) && column >= 1 && message !== '',
          'a problem has a place and says what is wrong',
        );
      }
      return;
    }
    const access = parsed.authorize(asked);
    holds(isDeepStrictEqual(access, parsed.authorize(asked)), 'the same question has the same answer');
    holds(!access.allowed || access.errors.length === 0, 'nothing is allowed with an error');
    holds(!access.allowed || access.policies.length > 0, 'nothing is allowed without a policy that does');
  },
};
