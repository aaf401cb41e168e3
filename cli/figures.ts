/** How numbers are written for a person. */

const two = (n: number, width = 2) => String(n).padStart(width, '0');

/** Time of day where the reader is, to the millisecond. @param time milliseconds since the epoch. */
export const clock = (time: number): string => {
  const at = new Date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
};

/** Day and time of day where the reader is. @param time milliseconds since the epoch. */
export const instant = (time: number): string => {
  const at = new Date(time);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(time)}`;
};

/** `12 ms`, `2.31 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export const lasting = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

const grouped = new Intl.NumberFormat('en');

/** `12,345` */
export const count = (n: number): string => grouped.format(n);

/** `1 call`, `2 calls`; `2 entries` where the plural is given. */
export const many = (n: number, one: string, several = `${one}s`): string => `${count(n)} ${n === 1 ? one : several}`;

/** `1.2 kB` */
export const size = (bytes: number): string => {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
};

/** @param nanos billionths of the currency. */
export const money = (nanos: number, currency: string): string => `${(nanos / 1e9).toFixed(6)} ${currency}`;

/** `10 input_tokens, 3 output_tokens` */
export const used = (meters: Readonly<Record<string, number>>): string =>
  Object.entries(meters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([meter, amount]) => `${count(amount)} ${meter}`)
    .join(', ');
