/** Headers that every edge over HTTP reads. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Configuration } from '../configuration.ts';

/** A header that may be given once; given more often it is joined, and is then no valid value. */
export const headerOf = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value.join() : value;
};

/**
 * The time that a caller has: its own, as `x-request-timeout-ms`, up to the configured most; else the configured one.
 * Undefined where it is no time. A plain field of our own, with its unit in its name: no protocol here has one, and gateways'
 * and SDKs' fields (x-envoy-upstream-rq-timeout-ms, x-stainless-timeout) say how long one hop or one try may take.
 */
export const timeoutOf = (given: string | undefined, limits: Configuration['limits']): number | undefined => {
  if (given === undefined) return limits.deadlineMs;
  return /^[1-9]\d{0,14}$/.test(given) ? Math.min(Number(given), limits.maxDeadlineMs) : undefined;
};
