import { expect, test, vi } from 'vitest';
import { type AccessRequest, type Authorizer, parsePolicies } from './cedar.ts';
import type { Cedar } from './cedar-library.ts';
import { remembering } from './cedar-memory.ts';

/** Breaks the next Cedar to be asked, as an overflow of its stack does: for good. */
const breaking = vi.hoisted(() => ({ next: false }));
vi.mock('./cedar-library.ts', async (original) => {
  const { loadCedar } = await original<typeof import('./cedar-library.ts')>();
  const breakable = (): Cedar => {
    const cedar = loadCedar();
    let broken = false;
    return {
      ...cedar,
      statefulIsAuthorized: (call) => {
        broken ||= breaking.next;
        breaking.next = false;
        if (broken) throw new Error('memory access out of bounds');
        return cedar.statefulIsAuthorized(call);
      },
    };
  };
  return { loadCedar: breakable };
});

const authorizer = (...texts: string[]): Authorizer => {
  const parsed = parsePolicies(texts.map((text, i) => ({ id: `${i}.cedar`, text })));
  if (Array.isArray(parsed)) throw new Error(parsed[0]?.message);
  return parsed;
};
const problems = (...texts: string[]): string[] => {
  const parsed = parsePolicies(texts.map((text, i) => ({ id: `${i}.cedar`, text })));
  return Array.isArray(parsed) ? parsed.map((p) => `${p.id}:${p.line}:${p.column} ${p.message}`) : [];
};

const subject = { tenant: 'acme', unit: 'support', agent: 'helpdesk', person: 'owner@example.com' };
const request = (changes: Partial<AccessRequest> = {}): AccessRequest => ({
  subject,
  action: 'model.chat',
  resource: { type: 'model', id: 'small', attributes: {} },
  context: { protocol: 'openai.chat', streaming: false, through: [] },
  ...changes,
});
const permitAll = '@id("all") permit(principal, action, resource);';
const tooDeep = `permit(principal, action, resource) when { ${'('.repeat(5000)}true${')'.repeat(5000)} };`;

test('without a policy nothing is allowed', () => {
  expect(authorizer().authorize(request())).toEqual({ allowed: false, policies: [], errors: [] });
});

test.each(['principal == Agent::"acme/helpdesk"', 'principal in Unit::"acme/support"', 'principal in Tenant::"acme"'])(
  'who acts can be told by %s',
  (scope) => {
    const { authorize } = authorizer(`permit(${scope}, action, resource);`);
    expect(authorize(request()).allowed).toBe(true);
    const other = { tenant: 'other', unit: 'support', agent: 'helpdesk', person: 'owner@example.com' };
    expect(authorize(request({ subject: other })).allowed).toBe(false);
  },
);

test.each([
  'principal.person == Person::"acme/owner@example.com"',
  'principal.person in Tenant::"acme"',
  'principal.unit == Unit::"acme/support" && principal.tenant == Tenant::"acme"',
  'resource.hasTag("region") && resource.getTag("region") == "eu"',
  'context.protocol == "openai.chat" && !context.streaming',
])('a condition can be %s', (condition) => {
  const { authorize } = authorizer(
    `permit(principal, action == Action::"model.chat", resource) when { ${condition} };`,
  );
  const resource = { type: 'model', id: 'small', attributes: { region: 'eu' } };
  expect(authorize(request({ resource }))).toEqual({ allowed: true, policies: ['0.cedar#1'], errors: [] });
  expect(authorize(request({ resource, action: 'model.embed' })).allowed).toBe(false);
});

test('a forbid wins, and what determined is named: by @id, or by file and place', () => {
  const twelve = Array.from({ length: 12 }, (_, i) => `permit(principal, action, resource == Model::"m${i}");`);
  const { authorize } = authorizer(
    twelve.join('\n'),
    permitAll,
    'forbid(principal, action, resource == Model::"m11") unless { context.streaming };',
  );
  const m11 = { type: 'model', id: 'm11', attributes: {} };
  const streaming = { protocol: 'openai.chat', streaming: true, through: [] };
  expect(authorize(request()).policies).toEqual(['all']);
  expect(authorize(request({ resource: m11, context: streaming })).policies).toEqual(['0.cedar#12', 'all']);
  expect(authorize(request({ resource: m11 }))).toEqual({ allowed: false, policies: ['2.cedar#1'], errors: [] });
});

const call = (id: string, changes: Partial<AccessRequest> = {}) =>
  request({ action: 'tool.call', resource: { type: 'tool', id, attributes: {} }, ...changes });
const asking = (given: Readonly<Record<string, string>>) => ({
  context: { protocol: 'mcp', streaming: true, through: [], arguments: given },
});

test('what a server offers is in it, and in no other', () => {
  const { authorize } = authorizer('permit(principal, action == Action::"tool.call", resource in Server::"files");');
  expect(authorize(call('files/read')).allowed).toBe(true);
  expect(authorize(call('files/a/b')).allowed).toBe(true);
  for (const id of ['files2/read', 'other/files/read', '/files/read', 'files', ''])
    expect(authorize(call(id)).allowed).toBe(false);
  const kinds = authorizer('permit(principal, action, resource in Server::"docs");').authorize;
  for (const [type, action] of [
    ['prompt', 'prompt.get'],
    ['resource', 'resource.read'],
    ['resource', 'resource.subscribe'],
    ['prompt', 'completion.complete'],
    ['resource', 'completion.complete'],
  ] as const)
    expect(kinds(request({ action, resource: { type, id: 'docs/a', attributes: {} } })).allowed).toBe(true);
});

test('an action is on its own kind only', () => {
  const { authorize } = authorizer(permitAll);
  expect(
    authorize(request({ action: 'tool.call', resource: { type: 'prompt', id: 'a/b', attributes: {} } })),
  ).toMatchObject({ allowed: false, policies: [] });
});

test('arguments are tested by dotted path; where nothing is called there are none', () => {
  const { authorize } = authorizer(
    'permit(principal, action, resource) when { context.arguments.hasTag("options.force") && context.arguments.getTag("options.force") == "false" };',
  );
  expect(authorize(call('files/read', asking({ 'options.force': 'false' }))).allowed).toBe(true);
  expect(authorize(call('files/read', asking({ 'options.force': 'true' }))).allowed).toBe(false);
  expect(authorize(call('files/read'))).toEqual({ allowed: false, policies: [], errors: [] });
  const hostile = { __proto__: 'x', 'a"b': '\ud800', '': '\u0000' };
  expect(authorize(call('files/read', asking(hostile))).allowed).toBe(false);
  expect(problems('permit(principal, action, resource) when { context.arguments.getTag("a") == "b" };')).not.toEqual(
    [],
  );
});

test('names that look like Cedar are only names', () => {
  const { authorize } = authorizer('permit(principal == Agent::"acme/helpdesk", action, resource);');
  for (const agent of ['helpdesk"', 'x" || true || "', '', 'help\ndesk', '\ud800'])
    expect(authorize(request({ subject: { ...subject, agent } })).allowed).toBe(false);
});

test('a tenant cannot pass for the agent of another', () => {
  const { authorize } = authorizer('permit(principal == Agent::"acme/eu/helpdesk", action, resource);');
  const allowed = (tenant: string, agent: string) =>
    authorize(request({ subject: { ...subject, tenant, agent } })).allowed;
  expect(allowed('acme', 'eu/helpdesk')).toBe(true);
  expect(allowed('acme/eu', 'helpdesk')).toBe(false);
});

test('what the schema does not know is refused with an error', () => {
  const { authorize } = authorizer(permitAll);
  expect(authorize(request({ action: 'model.delete' }))).toMatchObject({ allowed: false, policies: [] });
  expect(authorize(request({ action: 'model.delete' })).errors[0]).toMatch(/model\.delete/);
  expect(authorize(request({ resource: { type: 'planet', id: 'x', attributes: {} } })).errors[0]).toMatch(/Planet/);
});

test('an error in one policy permits nothing, whatever others permit', () => {
  const { authorize } = authorizer(
    permitAll,
    '@id("broken") forbid(principal, action, resource) when { 9223372036854775807 + 1 > 0 };',
  );
  const { allowed, policies, errors } = authorize(request());
  expect({ allowed, policies }).toEqual({ allowed: false, policies: [] });
  expect(errors[0]).toMatch(/^broken: .*overflow/s);
});

test('syntax and type errors have their lines', () => {
  expect(problems('// é\npermit(principal, action, resource)\n\nforbid(principal, action, resource);')).toEqual([
    '0.cedar:4:7 unexpected token `(`; expected `{`',
  ]);
  expect(
    problems(permitAll, 'permit(principal, action, resource) when { "é" == "é" &&\n  principal.unt == resource };'),
  ).toEqual(['1.cedar:2:3 attribute `unt` on entity type `Agent` not found; did you mean `unit`?']);
  expect(problems('permit(principal, action == Action::"model.chta", resource);')).toEqual([
    '0.cedar:1:29 unrecognized action `Action::"model.chta"`; did you mean `Action::"model.chat"`?',
  ]);
  expect(problems('permit(principal, action, resource) when { resource.getTag("a") == "b" };')[0]).toMatch(
    /^0\.cedar:1:44 unable to guarantee safety of access to tag/,
  );
});

test('an id twice, a template and an expression too deep are problems, and each is told', () => {
  expect(problems(permitAll, `\n${permitAll}`, 'permit(principal == ?principal, action, resource);', tooDeep)).toEqual([
    '1.cedar:2:1 another policy has the id all',
    '2.cedar:1:1 holds a template (?principal or ?resource): nothing fills it in; name the entity',
    '3.cedar:1:1 has an expression too long or too deep for Cedar: use sets, or several policies',
  ]);
});

test('a text that breaks Cedar breaks no other', () => {
  const before = authorizer(permitAll);
  expect(problems(tooDeep)).toHaveLength(1);
  expect(before.authorize(request()).allowed).toBe(true);
  expect(authorizer(permitAll).authorize(request()).allowed).toBe(true);
});

test('an expression that could be parsed and not evaluated is a problem, too', () => {
  const joined = (n: number) =>
    `permit(principal, action, resource) when { ${'principal == principal && '.repeat(n)}true };`;
  expect(authorizer(joined(150)).authorize(request()).allowed).toBe(true);
  expect(problems(`${permitAll}\n${joined(1500)}`)[0]).toMatch(/^0\.cedar:2:1 has an expression too long or too deep/);
});

test('an evaluation that breaks Cedar is refused, and the next is not', () => {
  // Of its own: another that has the same policies remembers what it was asked.
  const { authorize } = authorizer(permitAll, '// breaks');
  breaking.next = true;
  const error = 'memory access out of bounds';
  expect(authorize(request())).toEqual({ allowed: false, policies: [], errors: [error] });
  expect(authorize(request()).allowed).toBe(true);
});

test('whoever decides by the same policies shares them, and nobody else', () => {
  expect(authorizer(permitAll)).toBe(authorizer(permitAll));
  expect(authorizer(permitAll, '// others')).not.toBe(authorizer(permitAll));
});

test('the same request is answered from memory, and any other is not', () => {
  const authorize = vi.fn((_: AccessRequest) => ({ allowed: true, policies: [], errors: [] as string[] }));
  const memory = remembering({ authorize }, 100);
  const requests = [
    request(),
    ...(['tenant', 'unit', 'agent', 'person'] as const).map((part) =>
      request({ subject: { ...subject, [part]: 'x' } }),
    ),
    request({ action: 'model.embed' }),
    request({ resource: { type: 'model', id: 'x', attributes: {} } }),
    request({ resource: { type: 'x', id: 'small', attributes: {} } }),
    request({ resource: { type: 'model', id: 'small', attributes: { a: 'b' } } }),
    request({ context: { protocol: 'x', streaming: false, through: [] } }),
    request({ context: { protocol: 'openai.chat', streaming: true, through: [] } }),
    request({ context: { protocol: 'openai.chat', streaming: false, through: [], arguments: { a: 'b' } } }),
    request({ context: { protocol: 'openai.chat', streaming: false, through: [], arguments: { a: 'c' } } }),
    request({ subject: { ...subject, tenant: 'acme","unit":"', unit: 'support' } }),
  ];
  for (const one of requests) memory.authorize(one);
  expect(authorize).toHaveBeenCalledTimes(requests.length);
  for (const one of requests) memory.authorize(structuredClone(one));
  expect(authorize).toHaveBeenCalledTimes(requests.length);
});

test('memory is bounded, and forgets errors', () => {
  const authorize = vi.fn((_: AccessRequest) => ({ allowed: true, policies: [], errors: [] as string[] }));
  const memory = remembering({ authorize }, 2);
  for (const action of ['a', 'b', 'c', 'b', 'c', 'a']) memory.authorize(request({ action }));
  expect(authorize.mock.calls.map(([{ action }]) => action)).toEqual(['a', 'b', 'c', 'a']);
  authorize.mockReturnValue({ allowed: false, policies: [], errors: ['broken'] });
  memory.authorize(request({ action: 'e' }));
  memory.authorize(request({ action: 'e' }));
  expect(authorize).toHaveBeenCalledTimes(6);
});
