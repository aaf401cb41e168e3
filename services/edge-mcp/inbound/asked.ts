/** What a client asks of a server, in the server's own names. Pure. */
import { z } from 'zod';
import { annotationsOf } from '../../runtime/mcp/definitions.ts';
import { guess, type Names, type Offer, serverOfUri } from './names.ts';
import { invalidParams, unknown } from './problems.ts';

const members = z.record(z.string(), z.unknown());
const paramsOf = {
  'tools/call': z.looseObject({ name: z.string(), arguments: members.optional() }),
  'prompts/get': z.looseObject({ name: z.string(), arguments: members.optional() }),
  'resources/read': z.looseObject({ uri: z.string() }),
  'resources/subscribe': z.looseObject({ uri: z.string() }),
  'resources/unsubscribe': z.looseObject({ uri: z.string() }),
  'completion/complete': z.looseObject({
    ref: z.discriminatedUnion('type', [
      z.looseObject({ type: z.literal('ref/prompt'), name: z.string() }),
      z.looseObject({ type: z.literal('ref/resource'), uri: z.string() }),
    ]),
    argument: z.looseObject({ name: z.string(), value: z.string() }),
  }),
};
export type AskedMethod = keyof typeof paramsOf;

/** Whether it is asked of a server, and not of the mesh. */
export const isAsked = (method: string): method is AskedMethod => Object.hasOwn(paramsOf, method);

type Called = z.infer<(typeof paramsOf)['tools/call']>;

export interface Asked {
  method: AskedMethod;
  action: string;
  type: 'tool' | 'prompt' | 'resource';
  server: string;
  own: string;
  /** As the client said it. */
  name: string;
  /** With the server's own names, and without `_meta`. */
  params: Record<string, unknown>;
  /** What policies can test. */
  arguments: Record<string, unknown>;
  repeatable: boolean;
  /** What there is not, in the client's terms. */
  missing(modern: boolean): Error;
}

/** A hint counts only where its server states it. */
const isRepeatable = ({ definition }: Offer): boolean => {
  const { readOnlyHint, idempotentHint } = annotationsOf(definition);
  return readOnlyHint === 'true' || idempotentHint === 'true';
};

const parse = <M extends AskedMethod>(method: M, params: unknown): z.infer<(typeof paramsOf)[M]> => {
  const parsed = paramsOf[method].safeParse(params ?? {});
  if (parsed.success) return parsed.data as z.infer<(typeof paramsOf)[M]>;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'params'}: ${message}`);
  throw invalidParams(`Invalid params of ${method}: ${issues.join('; ')}`);
};

/** @param endpoint the name of `names`. @throws McpProblem where the params are not those of the method */
export const asked = (names: Names, endpoint: string, method: AskedMethod, given: unknown): Asked => {
  const { _meta, ...params } = parse(method, given) as Record<string, unknown> & { _meta?: unknown };

  const named = (type: 'tool' | 'prompt', name: string) => {
    const offer = (type === 'tool' ? names.tools : names.prompts).get(name);
    const { server, own } = offer ?? guess(names, endpoint, name);
    return { type, server, own, name, offer, missing: (modern: boolean) => unknown(type, name, modern) };
  };
  const byUri = (uri: string, server = serverOfUri(names, uri)) => ({
    type: 'resource' as const,
    server: server ?? (endpoint || 'mcp'),
    own: uri,
    name: uri,
    missing: (modern: boolean) => unknown('resource', uri, modern),
  });
  const rest = { method, params, arguments: {}, repeatable: true };

  switch (method) {
    case 'tools/call': {
      const called = params as unknown as Called;
      const said = called.arguments;
      const { offer, ...known } = named('tool', called.name);
      const all = { ...offer?.defaults, ...said };
      const isTold = said !== undefined || Object.keys(all).length > 0;
      return {
        ...rest,
        ...known,
        action: 'tool.call',
        params: { ...params, name: known.own, ...(isTold ? { arguments: all } : {}) },
        arguments: all,
        repeatable: offer !== undefined && isRepeatable(offer),
      };
    }
    case 'prompts/get': {
      const called = params as unknown as Called;
      const { offer, ...known } = named('prompt', called.name);
      const said = called.arguments ?? {};
      return { ...rest, ...known, action: 'prompt.get', params: { ...params, name: known.own }, arguments: said };
    }
    case 'completion/complete': {
      const { ref } = params as z.infer<(typeof paramsOf)['completion/complete']>;
      if (ref.type === 'ref/resource') {
        const listed = names.templates.get(ref.uri)?.server;
        return { ...rest, ...byUri(ref.uri, listed ?? serverOfUri(names, ref.uri)), action: 'completion.complete' };
      }
      const { offer, ...known } = named('prompt', ref.name);
      const params_ = { ...params, ref: { ...ref, name: known.own } };
      return { ...rest, ...known, action: 'completion.complete', params: params_ };
    }
    default: {
      const { uri } = params as { uri: string };
      const action = method === 'resources/read' ? 'resource.read' : 'resource.subscribe';
      return { ...rest, ...byUri(uri), action };
    }
  }
};
