import type { EventData } from '../../topics/index.ts';
import { type Configuration, parseConfiguration } from '../runtime/configuration.ts';
import type { AnyRecorded } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Folded, Processor, Statement } from '../runtime/processor.ts';
import { costOf, pricesOf } from './price.ts';

/** The configuration whose prices are in force; undefined until there is one. */
export type MeteringState = Configuration | undefined;

type Response = 'ResponseCompleted' | 'ResponseFailed';

/** ISO 4217 for a transaction without a currency. */
const NO_CURRENCY = 'XXX';

const isAmount = (amount: number) => Number.isSafeInteger(amount) && amount >= 0;

/** @throws when a meter is not a count. */
const usageOf = (response: EventData[Response], configuration: MeteringState): EventData['UsageRecorded'] => {
  const { subject, action, resource, target, meters, estimated } = response;
  const wrong = Object.entries(meters).find(([, amount]) => !isAmount(amount));
  if (wrong) throw new Error(`${wrong[0]} is ${wrong[1]}: not a count`);
  const { costNanos, priced } = costOf(meters, configuration ? pricesOf(configuration, target, resource) : {});
  return {
    subject,
    action,
    resource,
    target,
    meters,
    estimated,
    costNanos,
    currency: configuration?.currency ?? NO_CURRENCY,
    priced,
    configurationVersion: configuration?.version ?? '',
  };
};

const decide = (event: AnyRecorded<Response>, state: MeteringState): Statement<'UsageRecorded'>[] => {
  const usedNothing = event.type === 'ResponseFailed' && Object.keys(event.data.meters).length === 0;
  return usedNothing ? [] : [{ type: 'UsageRecorded', data: usageOf(event.data, state) }];
};

const observe = (event: Folded, { usage, cost }: Metrics): void => {
  if (event.type !== 'UsageRecorded') return;
  const { meters, costNanos, currency, subject } = event.data;
  const resource = `${event.data.resource.type}/${event.data.resource.id}`;
  for (const [meter, amount] of Object.entries(meters)) usage.inc({ meter, resource, unit: subject.unit }, amount);
  if (costNanos > 0) cost.inc({ currency, resource, unit: subject.unit }, costNanos / 1e9);
};

/** What was used, and what it cost by the prices in force when that was heard of. Once per response that used something. */
export const meteringProcessor: Processor<MeteringState, Response, 'UsageRecorded'> = {
  name: 'metering',
  reads: ['ResponseCompleted', 'ResponseFailed'],
  patienceMs: 25,
  follows: ['MeshConfigured'],
  writes: ['UsageRecorded'],
  initialState: () => undefined,
  decide,
  evolve: (state, event) => (event.type === 'MeshConfigured' ? parseConfiguration(event.data) : state),
  observe,
};
