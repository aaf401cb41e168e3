/** Instants as access logs write them. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON_LOG = /^\[?(\d{1,2})\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d)\]?$/;
/** Seconds since the epoch have this many digits for two thousand years to come, and milliseconds have had more since 1973. */
const MOST_SECONDS = 1e11;

const ofEpoch = (n: number): number => new Date(n < MOST_SECONDS ? n * 1_000 : n).getTime();

const ofCommonLog = (text: string): number | undefined => {
  const [, day, month = '', year, time, hours, minutes] = COMMON_LOG.exec(text) ?? [];
  if (day === undefined) return undefined;
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, '0');
  return Date.parse(`${year}-${number}-${day.padStart(2, '0')}T${time}${hours}:${minutes}`);
};

/**
 * ISO 8601, nginx's and Apache's `21/Nov/2026:15:41:32 +0000`, or seconds or milliseconds since the epoch; as a number or as text.
 * @returns milliseconds since the epoch; NaN where it is none of these.
 */
export const timeOf = (value: unknown): number => {
  if (typeof value === 'number') return ofEpoch(value);
  if (typeof value !== 'string') return Number.NaN;
  if (/^\d+(\.\d+)?$/.test(value)) return ofEpoch(Number(value));
  if (/^\d{4}-\d\d-\d\d/.test(value)) return Date.parse(value);
  return ofCommonLog(value) ?? Number.NaN;
};
