/** Return the token of a link that works once, of the whole link or of its end; null where there is none. */
export function tokenIn(text: string): string | null {
  return /(?:^|#)\s*([\w-]{43})\s*$/.exec(text.trim())?.[1] ?? null;
}
