/** A phone that is tilted shows the scene from another side, as if one moved one's head. */
import type { Place } from "./motion";

/** Degrees, as `DeviceOrientationEvent` has them: beta to the front, gamma to the right. */
export type Reading = { beta: number; gamma: number };

/** Degrees from how the phone was held at first to the end of the reach. */
const WHOLE = 25;

const part = (degrees: number): number => Math.min(1, Math.max(-1, degrees / WHOLE));
/** The shorter way round: beta goes from -180 to 180. */
const between = (a: number, b: number): number => ((((a - b + 180) % 360) + 360) % 360) - 180;

/**
 * Return where the camera leans, in parts of the reach, for a phone that was held as `first` and is held as `now`.
 * `screen`: how far the picture is turned against the phone, in degrees (`screen.orientation.angle`).
 */
export function tilted(first: Reading, now: Reading, screen: number): Pick<Place, "right" | "up"> {
  const front = between(now.beta, first.beta);
  const right = between(now.gamma, first.gamma);
  const angle = (screen * Math.PI) / 180;
  return {
    right: part(right * Math.cos(angle) + front * Math.sin(angle)),
    up: part(right * Math.sin(angle) - front * Math.cos(angle)),
  };
}
