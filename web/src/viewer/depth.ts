/** The colours of the depth view: near is bright, far is dark, each step the same factor of the distance. */

export type Range = { near: number; far: number };
type Rgb = readonly [number, number, number];

/** Viridis, which people with any colour vision can read, from near to far. */
export const RAMP: readonly Rgb[] = [
  [0.993, 0.906, 0.144],
  [0.369, 0.789, 0.383],
  [0.128, 0.567, 0.551],
  [0.231, 0.322, 0.546],
  [0.267, 0.005, 0.329],
];
/** What lies beyond these shares of the scene, a stray Gaussian or the sky, takes no colours away from the rest. */
const SHARE = 0.02;

/** Return the range of depths that is worth showing; of depths in metres before the photo's camera. */
export function rangeOf(depths: number[]): Range {
  const sorted = depths.filter((each) => Number.isFinite(each) && each > 0.02).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 1;
  const near = at(SHARE);
  return { near, far: Math.max(at(1 - SHARE), near * 1.05) };
}

/** Return where a depth is in the range, 0 to 1. */
export function shareOf(depth: number, { near, far }: Range): number {
  return Math.min(1, Math.max(0, Math.log(depth / near) / Math.log(far / near)));
}

/** Return the marks of the legend: metres at equal steps of colour, in round numbers. */
export function marks({ near, far }: Range, count = 4): string[] {
  return Array.from({ length: count }, (_, step) => near * (far / near) ** (step / (count - 1))).map(
    (metres) => `${metres < 10 ? Number(metres.toPrecision(2)) : Math.round(metres)} m`,
  );
}

/** Return the ramp as stops of an SVG gradient. */
export function stops(): { offset: number; colour: string }[] {
  return RAMP.map((rgb, index) => ({
    offset: index / (RAMP.length - 1),
    colour: `rgb(${rgb.map((part) => Math.round(part * 255)).join(" ")})`,
  }));
}
