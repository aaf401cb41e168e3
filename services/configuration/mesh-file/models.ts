/** mesh.yaml: who serves which models, and what they cost. */
import { z } from 'zod';
import {
  apiKey,
  headers,
  modelInterface,
  modelName,
  name,
  pricePerMillion,
  responseSize,
  tags,
  timeouts,
  words,
} from './fields.ts';

export const provider = z
  .strictObject({
    url: words(/^[!-~]+$/, 2048, 'a URL, e.g. https://api.openai.com/v1').describe(
      `Base URL, up to and including the version, e.g. https://api.openai.com/v1. \${ENV} references are resolved when the file is applied. No user, password or query: those go into apiKey or headers.`,
    ),
    apiKey,
    headers,
    interfaces: z
      .array(modelInterface)
      .min(1)
      .default(['chat'])
      .describe(
        'What it serves: chat (/chat/completions), responses (/responses), embeddings (/embeddings). Where it has chat only, the mesh translates responses.',
      ),
    timeouts,
    responseSize,
  })
  .describe('A connection to an OpenAI-compatible server.');

const target = z
  .strictObject({
    provider: name.describe('Name of a provider of this file.'),
    model: words(/^[!-~][ -~]*$/, 256, 'the name the provider knows')
      .optional()
      .describe("What the provider calls it; default: the model's own name."),
    weight: z
      .number()
      .gt(0, 'must be greater than 0; leave the target out to send it nothing')
      .max(1000)
      .default(1)
      .describe("Its share of the calls, among the model's targets."),
  })
  .describe('One way to have the model served.');

export const model = z
  .strictObject({
    targets: z.array(target).min(1).max(64).describe('Who serves it; calls are spread by weight.'),
    fallbacks: z
      .array(modelName)
      .max(16)
      .default([])
      .describe(
        'Other models, used in order when every target failed, and then their fallbacks. Whoever may use this model may be served by them.',
      ),
    interfaces: z
      .array(modelInterface)
      .min(1)
      .optional()
      .describe('What it is for; default: what all of its targets have in common.'),
    tags: tags.describe('Facts that policies can test, e.g. region: eu, as resource.getTag("region").'),
  })
  .describe('A model that clients ask for by this name.');

export const price = z
  .strictObject({
    input: pricePerMillion.optional().describe('Of a million input tokens.'),
    output: pricePerMillion.optional().describe('Of a million output tokens.'),
    cachedInput: pricePerMillion
      .optional()
      .describe('Of a million input tokens that the provider had in its cache; default: as input.'),
  })
  .describe('In the currency, per million tokens.');

const amount = z.number().min(0).max(1_000_000);
export const toolPrice = z
  .strictObject({
    call: amount.optional().describe('Of a call.'),
    second: amount.optional().describe('Of a second that a call takes.'),
    requestMegabyte: amount.optional().describe('Of a million bytes sent to the tool.'),
    responseMegabyte: amount.optional().describe('Of a million bytes that it answers.'),
  })
  .describe('In the currency. What the tool itself reports that a call cost (parley/cost in _meta) is added.');
