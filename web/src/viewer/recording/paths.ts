/** The ways that a recorded camera goes: each gives where it is at a share of the whole, 0 to 1. */
import { HOME, type Place, plus, within } from "../motion";

export type PathKind = "sway" | "turn" | "travel" | "own";
export type Path = (share: number) => Place;
/** Where a hand moved the camera, and when, in milliseconds. */
export type Sample = { ms: number; place: Place };

/** Parts of the reach to each side. */
const WIDE = 0.55;
/** The height of the turn's ellipse as a share of its width, as in the server's own videos. */
const FLAT = 0.4;

/** To the left and right about `home`, and back where it began: it plays in a loop without a seam. */
export function swayPath(reach: number, home: Place = HOME): Path {
  return (share) => within(plus(home, { right: Math.sin(2 * Math.PI * share) * reach * WIDE }), reach);
}

/** Once round an ellipse about `home`: a loop too. */
export function turnPath(reach: number, home: Place = HOME): Path {
  return (share) => {
    const angle = 2 * Math.PI * share;
    const right = Math.sin(angle) * reach * WIDE;
    return within(plus(home, { right, up: (Math.cos(angle) - 1) * reach * WIDE * FLAT }), reach);
  };
}

/** From one view to another, slow at both ends. */
export function travelPath(from: Place, to: Place): Path {
  return (share) => between(from, to, share * share * (3 - 2 * share));
}

/** As a hand moved it, in the time that it took. Without samples the camera stays where the photo was taken. */
export function ownPath(samples: readonly Sample[]): Path {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) return () => HOME;
  return (share) => {
    const ms = first.ms + share * (last.ms - first.ms);
    const after = samples.findIndex((each) => each.ms >= ms);
    const to = samples[after] ?? last;
    const from = samples[after - 1] ?? to;
    return to.ms === from.ms ? to.place : between(from.place, to.place, (ms - from.ms) / (to.ms - from.ms));
  };
}

export const loops = (kind: PathKind): boolean => kind === "sway" || kind === "turn";

/** Return the share of each frame of a video; the last one of a loop is not its first again. */
export function shares(frames: number, loop: boolean): number[] {
  const whole = loop ? frames : Math.max(1, frames - 1);
  return Array.from({ length: frames }, (_, frame) => frame / whole);
}

function between(from: Place, to: Place, share: number): Place {
  const at = (part: keyof Place) => from[part] + (to[part] - from[part]) * share;
  return { right: at("right"), up: at("up"), forward: at("forward") };
}
