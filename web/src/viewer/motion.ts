/**
 * Where the camera may go. SHARP sees well within half a metre of the photo's place, and less in front of near things;
 * beyond that a scene shows what the photo never saw.
 */

/** Metres from where the photo was taken: right, up, and forward. */
export type Place = { right: number; up: number; forward: number };

export const HOME: Place = { right: 0, up: 0, forward: 0 };
export const REACH_M = 0.5;
const OF_FOCUS = 0.22;
/** Of the distance to what is looked at: 12 degrees to each side. */
const SMOOTH_MS = 110;
const STILL_M = 1e-4;

/** Return how far the camera may go, in metres, when it looks at something `focus` metres away. */
export function reachOf(focus: number): number {
  return Math.min(REACH_M, focus * OF_FOCUS);
}

/** Return the nearest place that is within reach. */
export function within(place: Place, reach: number): Place {
  const far = Math.hypot(place.right, place.up, place.forward);
  if (far <= reach) return place;
  const scale = reach / far;
  return { right: place.right * scale, up: place.up * scale, forward: place.forward * scale };
}

/** Return the sum of two places. */
export function plus(a: Place, b: Partial<Place>): Place {
  return {
    right: a.right + (b.right ?? 0),
    up: a.up + (b.up ?? 0),
    forward: a.forward + (b.forward ?? 0),
  };
}

/** Go from one place towards another for `ms`, fast at first; the same whatever the frame rate. */
export function towards(from: Place, to: Place, ms: number): Place {
  const share = 1 - Math.exp(-ms / SMOOTH_MS);
  const next = {
    right: from.right + (to.right - from.right) * share,
    up: from.up + (to.up - from.up) * share,
    forward: from.forward + (to.forward - from.forward) * share,
  };
  return near(next, to) ? to : next;
}

export function near(a: Place, b: Place): boolean {
  return Math.hypot(a.right - b.right, a.up - b.up, a.forward - b.forward) < STILL_M;
}

/** The short sway that shows depth when a scene appears: out to both sides and home again. */
export function sway(ms: number, reach: number): Place | null {
  const whole = 3_600;
  if (ms >= whole) return null;
  const phase = ms / whole;
  const fade = Math.sin(Math.PI * phase);
  return { right: Math.sin(2 * Math.PI * phase) * fade * reach * 0.55, up: 0, forward: 0 };
}
