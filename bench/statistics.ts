/** Numbers from numbers. */

/** Exact percentiles of what was measured, rounded to whole numbers of its unit; all 0 when nothing was. */
export interface Distribution {
  p50: number;
  p90: number;
  p99: number;
  max: number;
  mean: number;
}

/** The middle of several rounds, and how far they lie apart. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Measurements as they come, without the cost of boxed numbers. */
export class Recording {
  #values = new Float64Array(1 << 16);
  count = 0;

  add(value: number): void {
    if (this.count === this.#values.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.count] = value;
    this.count += 1;
  }

  values(): Float64Array {
    return this.#values.slice(0, this.count);
  }
}

/** The smallest value that at least `percent` of all do not exceed. @param sorted ascending */
export const percentile = (sorted: ArrayLike<number>, percent: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]!;

export const distribution = (values: Float64Array): Distribution => {
  const sorted = values.toSorted();
  const sum = sorted.reduce((total, value) => total + value, 0);
  const at = (percent: number) => Math.round(percentile(sorted, percent));
  return { p50: at(50), p90: at(90), p99: at(99), max: at(100), mean: Math.round(sum / Math.max(1, sorted.length)) };
};

/** @param values at least one */
export const spread = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
};

/** Least squares: by how much y grows for each unit of x; 0 for fewer than two points. */
export const slope = (points: readonly { x: number; y: number }[]): number => {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const x = mean((point) => point.x);
  const y = mean((point) => point.y);
  const spreadOfX = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  return spreadOfX === 0 ? 0 : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spreadOfX;
};
