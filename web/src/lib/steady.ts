/** Presigned URLs differ at every look; a picture that is shown already should not be fetched again for that. */

const SAFE_MS = 45 * 60_000; // they are good for an hour
const kept = new Map<string, { url: string; until: number }>();

/** Return the URL that was given for `key` before while it is good, else this one. */
export function steady(key: string, url: string, now = Date.now()): string {
  const known = kept.get(key);
  if (known && known.until > now) return known.url;
  kept.set(key, { url, until: now + SAFE_MS });
  return url;
}

/** Forget the URL of `key`: it did not work. */
export function unsteady(key: string): void {
  kept.delete(key);
}
