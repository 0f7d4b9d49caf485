/** Figures and times as people say them. */

/** The page is English, whatever the browser speaks. */
const LANGUAGE = "en";
const RELATIVE = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

/** "3 hours ago", "in 2 days". What is past is as old as it is at least; what is to come is rounded. */
export function ago(moment: string, now = Date.now()): string {
  const ms = new Date(moment).getTime() - now;
  const [unit, size] = STEPS.find(([, each]) => Math.abs(ms) >= (ms > 0 ? 0.999 * each : each)) ?? ["second", 1_000];
  return RELATIVE.format(ms > 0 ? Math.round(ms / size) : Math.trunc(ms / size), unit);
}

export const day = (moment: string): string => new Date(moment).toLocaleDateString(LANGUAGE, { dateStyle: "medium" });
export const minute = (moment: string): string =>
  new Date(moment).toLocaleString(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
export const exact = (moment: string): string =>
  new Date(moment).toLocaleString(LANGUAGE, { dateStyle: "medium", timeStyle: "medium" });

/** "12 ms", "0.9 s", "14 s". */
export function duration(ms: number): string {
  if (ms < 1) return "under 1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}

/** "1 hour", "36 hours", "30 days". */
export function lasting(hours: number): string {
  const [count, unit] = hours % 24 ? [hours, "hour"] : [hours / 24, "day"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** "11.3 MB". */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  const value = bytes / 1_000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

/** "1.2 million", "20,184". */
export function many(count: number): string {
  if (count < 100_000) return count.toLocaleString(LANGUAGE);
  return count < 1_000_000 ? `${Math.round(count / 1_000)},000` : `${(count / 1_000_000).toFixed(2)} million`;
}

/** "1st", "2nd", "13th". */
export function ordinal(n: number): string {
  const endings: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${n}${endings[new Intl.PluralRules("en", { type: "ordinal" }).select(n)]}`;
}
