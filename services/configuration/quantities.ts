/** How mesh.yaml writes time and size: `30s`, `10MiB`. */
const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

export const durationPattern = /^[1-9]\d{0,8}(ms|s|m|h|d)$/;
export const sizePattern = /^[1-9]\d{0,8}(B|KiB|MiB|GiB)$/;

const scale = (text: string, units: Record<string, number>): number => {
  const [, amount, unit] = /^(\d+)(.*)$/.exec(text)!;
  return Number(amount) * units[unit!]!;
};

const print = (amount: number, units: Record<string, number>): string => {
  const [unit, size] = Object.entries(units).findLast(([, size]) => amount % size === 0) ?? ['', 1];
  return `${amount / size}${unit}`;
};

/** @param text what matches `durationPattern`. @returns milliseconds. */
export const parseDuration = (text: string): number => scale(text, milliseconds);
/** @param text what matches `sizePattern`. @returns bytes. */
export const parseSize = (text: string): number => scale(text, bytes);
/** Milliseconds, in the largest unit that keeps them whole. */
export const printDuration = (ms: number): string => print(ms, milliseconds);
/** Bytes, in the largest unit that keeps them whole. */
export const printSize = (size: number): string => print(size, bytes);
