const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of e.g. '90s' or '3d', or of a number of them. @throws TypeError */
export const milliseconds = (duration: string | number): number => {
  if (typeof duration === 'number' && duration >= 0 && Number.isFinite(duration)) return Math.round(duration);
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  if (!amount)
    throw new TypeError(`'${duration}' is no duration: milliseconds, or a whole number and ms, s, m, h or d`);
  return Number(amount) * units[unit as keyof typeof units];
};
