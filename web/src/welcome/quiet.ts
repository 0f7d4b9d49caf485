type Connection = { saveData?: boolean; effectiveType?: string };

/** Tell whether this person's device asks to save data or motion, or its connection is slow: 2 MB are then not fetched unasked. */
export function spares(): boolean {
  const { connection } = navigator as Navigator & { connection?: Connection };
  const slow = connection?.saveData || /2g|3g/.test(connection?.effectiveType ?? "");
  return slow || matchMedia("(prefers-reduced-motion: reduce)").matches;
}
