/** Totals of days and kinds, as a chart needs them: every day, also those on which nothing happened. */
export type Total = { day: string; event_type: string; count: number };
export type Day = { day: string; counts: Record<string, number>; sum: number };

export const TITLES: Record<string, string> = {
  scene_generate: "Scenes",
  scene_export: "Exports",
  api_key_created: "Keys created",
};

/** Return the last `days` days, oldest first, today included. */
export function byDay(totals: Total[], days: number, now = Date.now()): Day[] {
  const found = new Map<string, Day>();
  for (let back = days - 1; back >= 0; back -= 1) {
    const day = new Date(now - back * 86_400_000).toISOString().slice(0, 10);
    found.set(day, { day, counts: {}, sum: 0 });
  }
  for (const { day, event_type, count } of totals) {
    const known = found.get(day);
    if (!known) continue;
    known.counts[event_type] = (known.counts[event_type] ?? 0) + count;
    known.sum += count;
  }
  return [...found.values()];
}

/** Return the kinds that occur with their sums, the most frequent first. */
export function byKind(days: Day[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { counts } of days)
    for (const [kind, count] of Object.entries(counts)) sums.set(kind, (sums.get(kind) ?? 0) + count);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

/** Return a round figure at or above `most`: 1, 2 or 5 times a power of ten. */
export function ceiling(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((step) => step * power).find((each) => each >= most) ?? most;
}
