/** What a model can be asked to do, and by whom it is served. */
import type { TargetConfiguration } from '../runtime/configuration.ts';
import { fallbackOrder } from './fallbacks.ts';
import type { MeshFile } from './mesh-file.ts';
import type { Finding } from './problem.ts';

type Interface = MeshFile['providers'][string]['interfaces'][number];

/** Where a server has chat only, the outbound edge translates responses. */
const actions: Record<Interface, readonly string[]> = {
  chat: ['model.chat', 'model.respond'],
  responses: ['model.respond'],
  embeddings: ['model.embed'],
};
const actionsOfInterfaces = (interfaces: readonly Interface[]) => [...new Set(interfaces.flatMap((i) => actions[i]))];

/** Every target of a model: its own in tier 0, those of each fallback a tier higher. A target counts where it comes first. */
export const targetsOf = (file: MeshFile, model: string): TargetConfiguration[] => {
  const targets = new Map<string, TargetConfiguration>();
  for (const [tier, name] of fallbackOrder(model, (one) => file.models[one]!.fallbacks).entries())
    for (const target of file.models[name]!.targets) {
      const known = target.model ?? name;
      const id = `${target.provider}/${known}`;
      if (!targets.has(id))
        targets.set(id, { id, connection: target.provider, name: known, weight: target.weight, tier });
    }
  return [...targets.values()];
};

/** The actions that every target can perform: whichever is chosen, the call can be made. */
export const actionsOf = (file: MeshFile, model: string): string[] => {
  const wanted = file.models[model]!.interfaces;
  const each = targetsOf(file, model).map((t) => actionsOfInterfaces(file.providers[t.connection]!.interfaces));
  return actionsOfInterfaces(wanted ?? ['chat', 'responses', 'embeddings']).filter((action) =>
    each.every((able) => able.includes(action)),
  );
};

/** Models whose targets cannot do what the model is for. */
export const servedFindings = (file: MeshFile): Finding[] =>
  Object.entries(file.models).flatMap(([name, model]): Finding[] => {
    const able = actionsOf(file, name);
    if (!model.interfaces && able.length > 0) return [];
    if (!model.interfaces)
      return [{ path: ['models', name], message: 'its targets and fallbacks have no interface in common' }];
    return model.interfaces.flatMap((wanted, index) => {
      if (actions[wanted].every((action) => able.includes(action))) return [];
      const unable = targetsOf(file, name).filter(
        (t) => !actions[wanted].every((a) => actionsOfInterfaces(file.providers[t.connection]!.interfaces).includes(a)),
      );
      return [
        {
          path: ['models', name, 'interfaces', index],
          message: `${wanted} is not an interface of ${unable.map((t) => t.id).join(', ')}`,
        },
      ];
    });
  });
