/** May a subject do something to a resource? Cedar policies, parsed once, decide. */
import { readFileSync } from 'node:fs';
import { type EntityJson, loadCedar, type TypeAndId } from './cedar-library.ts';
import { remembering } from './cedar-memory.ts';
import { checkPolicies, type PolicyProblem, type PolicyText } from './cedar-policies.ts';
import { configuredAs } from './configuration.ts';

export type { PolicyProblem, PolicyText } from './cedar-policies.ts';

/** What is asked: may this subject do this to that? */
export interface AccessRequest {
  subject: { tenant: string; unit: string; agent: string; person: string };
  /** e.g. model.chat */
  action: string;
  resource: { type: string; id: string; attributes: Readonly<Record<string, string>> };
  /** As declared in mesh.cedarschema. */
  context: {
    protocol: string;
    streaming: boolean;
    through: readonly string[];
    /** By dotted path; default: none. */
    arguments?: Readonly<Record<string, string>>;
  };
}

export interface Access {
  allowed: boolean;
  /** Ids of the policies that determined it: the permits, or the forbids; none where no permit applies. */
  policies: readonly string[];
  /** What went wrong in evaluation: then it is not allowed. */
  errors: readonly string[];
}

export interface Authorizer {
  /** Pure: the same request has the same answer. */
  authorize(request: AccessRequest): Access;
}

const schema = readFileSync(new URL('mesh.cedarschema', import.meta.url), 'utf8');
const remembered = 10_000;
/** The last ones that were parsed: several services of a process decide by the same, and parsing takes longest of all. */
const latest = new Map<string, Authorizer>();
const MOST_LATEST = 4;

/**
 * Policies, checked against mesh.cedarschema, ready to decide by; or everything that is wrong with them.
 * @param policies texts by id, each of any number of policies. A policy's own id is its `@id`, or else id#1, id#2, …
 */
export const parsePolicies = (policies: readonly PolicyText[]): Authorizer | PolicyProblem[] => {
  const texts = JSON.stringify(policies.map(({ id, text }) => [id, text]));
  const known = latest.get(texts);
  if (known) return known;
  const checked = checkPolicies(policies, schema);
  if (Array.isArray(checked)) return checked;
  const authorizer = remembering(evaluating(checked.policies), remembered);
  const [oldest] = latest.keys();
  if (oldest !== undefined && latest.size >= MOST_LATEST) latest.delete(oldest);
  latest.set(texts, authorizer);
  return authorizer;
};

const evaluating = (policies: Record<string, string>): Authorizer => {
  let evaluate: Authorizer['authorize'] | undefined = prepare(policies);
  return {
    authorize: (request) => {
      try {
        evaluate ??= prepare(policies);
        return evaluate(request);
      } catch (error) {
        evaluate = undefined;
        return refused([error instanceof Error ? error.message : String(error)]);
      }
    },
  };
};

const prepare = (policies: Record<string, string>): Authorizer['authorize'] => {
  const cedar = loadCedar();
  for (const parsed of [
    cedar.preparseSchema('schema', schema),
    cedar.preparsePolicySet('policies', { staticPolicies: policies }),
  ])
    if (parsed.type === 'failure') throw new Error(`Cedar: ${parsed.errors[0]?.message}`);
  return (request) => {
    // An id below a tenant is tenant/name: with a slash in the tenant, two could be one.
    if (request.subject.tenant.includes('/')) return refused(['a tenant cannot have a slash in its name']);
    const answer = cedar.statefulIsAuthorized({
      ...entities(request),
      context: {
        protocol: request.context.protocol,
        streaming: request.context.streaming,
        through: request.context.through.map((agent) => ({
          __entity: { type: 'Agent', id: `${request.subject.tenant}/${agent}` },
        })),
        arguments: { __entity: argumentsUid },
      },
      preparsedPolicySetId: 'policies',
      preparsedSchemaName: 'schema',
      validateRequest: true,
    });
    if (answer.type === 'failure') return refused(answer.errors.map((e) => e.message));
    const { decision, diagnostics } = answer.response;
    if (diagnostics.errors.length > 0)
      return refused(diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`));
    return { allowed: decision === 'allow', policies: diagnostics.reason.sort(), errors: [] };
  };
};

const refused = (errors: string[]): Access => ({ allowed: false, policies: [], errors });

const argumentsUid = { type: 'Arguments', id: '' };

const entities = ({ subject, action, resource, context }: AccessRequest) => {
  const { tenant, unit, agent, person } = subject;
  const principal = { type: 'Agent', id: `${tenant}/${agent}` };
  const unitUid = { type: 'Unit', id: `${tenant}/${unit}` };
  const personUid = { type: 'Person', id: `${tenant}/${person}` };
  const tenantUid = { type: 'Tenant', id: tenant };
  const known = new Set([principal, unitUid, personUid, tenantUid].map((uid) => JSON.stringify(uid)));
  const attributes = {
    tenant: { __entity: tenantUid },
    unit: { __entity: unitUid },
    person: { __entity: personUid },
  };
  const asked = resourceEntities(resource);
  return {
    principal,
    action: { type: 'Action', id: action },
    resource: asked.uid,
    entities: [
      entity(principal, [unitUid], { attrs: attributes }),
      entity(unitUid, [tenantUid]),
      entity(personUid, [tenantUid]),
      entity(tenantUid, []),
      entity(argumentsUid, [], { tags: { ...context.arguments } }),
      // What is asked for may lie in the tenant, and in the unit, of who asks.
      ...asked.entities.filter(({ uid }) => !known.has(JSON.stringify(uid))),
    ],
  };
};

/** A resource's entity, and those that it refers to. An agent that is asked is an Agent as the one that asks. */
const resourceEntities = ({ type, id, attributes }: AccessRequest['resource']) => {
  if (type !== 'agent') {
    const uid = { type: type.charAt(0).toUpperCase() + type.slice(1), id };
    const offeredBy = configuredAs({ type, id });
    const server = offeredBy.type === 'server' ? { type: 'Server', id: offeredBy.id } : undefined;
    return {
      uid,
      entities: [
        entity(uid, server ? [server] : [], { tags: { ...attributes } }),
        ...(server ? [entity(server, [])] : []),
      ],
    };
  }
  const { tenant = '', unit = '', person = '', ...tags } = attributes;
  const uid = { type: 'Agent', id: `${tenant}/${id}` };
  const unitUid = { type: 'Unit', id: `${tenant}/${unit}` };
  const personUid = { type: 'Person', id: `${tenant}/${person}` };
  const tenantUid = { type: 'Tenant', id: tenant };
  const attrs = { tenant: { __entity: tenantUid }, unit: { __entity: unitUid }, person: { __entity: personUid } };
  return {
    uid,
    entities: [
      entity(uid, [unitUid], { attrs, tags }),
      entity(unitUid, [tenantUid]),
      entity(personUid, [tenantUid]),
      entity(tenantUid, []),
    ],
  };
};

const entity = (uid: TypeAndId, parents: TypeAndId[], facts: Partial<EntityJson> = {}): EntityJson => ({
  uid,
  parents,
  attrs: {},
  ...facts,
});
