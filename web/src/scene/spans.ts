/** How long a link may be good for, in hours. */
export const SPANS: [number, string][] = [
  [24, "a day"],
  [168, "a week"],
  [720, "a month"],
  [8760, "a year"],
];
