/** What Maven has downloaded so far, by its own account. */
export interface Downloads {
  files: number;
  bytes: number;
  /** File being fetched, or what Maven does instead. */
  now: string;
}

export const noDownloads: Downloads = { files: 0, bytes: 0, now: 'starting Maven' };

const UNIT: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Folds one line of `mvn -B` into what is known. */
export function downloads(seen: Downloads, line: string): Downloads {
  const begun = /Downloading from \S+: \S*\/(\S+)/.exec(line);
  if (begun?.[1]) return { ...seen, now: begun[1] };
  const ended = /Downloaded from \S+: \S+ \(([\d.]+) (B|kB|MB|GB)/.exec(line);
  if (ended)
    return { ...seen, files: seen.files + 1, bytes: seen.bytes + Number(ended[1]) * (UNIT[ended[2] ?? ''] ?? 1) };
  if (/^\[INFO\] (Copying|Unpacking) /.test(line)) return { ...seen, now: 'unpacking' };
  return seen;
}
