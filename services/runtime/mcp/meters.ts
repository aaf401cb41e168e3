/** What a call of a tool used, as the answer to it is metered. */
import type { McpOutcome } from './message.ts';

/**
 * Member of a tool result's `_meta` by which its server says what the call cost it: `{"amount": 0.02, "currency": "USD"}`, of the
 * currency, not of its cents. Counted where the currency is the configuration's; else the call is marked as one that was not
 * wholly charged.
 */
export const REPORTED_COST = 'parley/cost';

export interface MeteredCall {
  /** How long it took, milliseconds. */
  ms: number;
  requestBytes: number;
  responseBytes: number;
}

/** In billionths of `currency`; undefined where it is none that could be charged. */
const nanosOf = (cost: unknown, currency: string | undefined): number | undefined => {
  if (typeof cost !== 'object' || cost === null || !('amount' in cost) || !('currency' in cost)) return undefined;
  if (typeof cost.amount !== 'number' || cost.amount < 0 || cost.currency !== currency) return undefined;
  const nanos = Math.round(cost.amount * 1e9);
  return Number.isSafeInteger(nanos) ? nanos : undefined;
};

const reported = (outcome: McpOutcome, currency: string | undefined): Record<string, number> => {
  const { _meta } = 'result' in outcome ? outcome.result : {};
  if (typeof _meta !== 'object' || _meta === null || !Object.hasOwn(_meta, REPORTED_COST)) return {};
  const nanos = nanosOf((_meta as Record<string, unknown>)[REPORTED_COST], currency);
  return nanos === undefined ? { unaccepted_costs: 1 } : { reported_cost_nanos: nanos };
};

/**
 * @param currency the configuration's.
 * @returns meters: whole numbers, none below 0.
 */
export const toolMeters = (
  outcome: McpOutcome,
  { ms, requestBytes, responseBytes }: MeteredCall,
  currency: string | undefined,
): Record<string, number> => ({
  tool_calls: 1,
  // A clock may be set back in the course of a call.
  tool_ms: Math.max(0, Math.round(ms)),
  request_bytes: requestBytes,
  response_bytes: responseBytes,
  ...reported(outcome, currency),
});
