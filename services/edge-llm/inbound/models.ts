import type { Configuration, ResourceConfiguration } from '../../runtime/configuration.ts';

const modelOf = ({ id }: ResourceConfiguration) => ({
  id,
  object: 'model',
  // Models of the mesh have no date of their own; OpenAI's clients want a number.
  created: 0,
  owned_by: 'parley',
});

const modelsOf = ({ resources }: Configuration) => resources.filter(({ type }) => type === 'model');

/** The models of a configuration, as OpenAI lists them. */
export const listModels = (configuration: Configuration) => ({
  object: 'list',
  data: modelsOf(configuration).map(modelOf),
});

/** One model in OpenAI's form; undefined when the configuration has none of that name. */
export const findModel = (configuration: Configuration, id: string) => {
  const model = modelsOf(configuration).find((m) => m.id === id);
  return model && modelOf(model);
};
