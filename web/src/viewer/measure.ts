/** Points and distances in a scene, which is metric: what a ray meets, and how sure a length is. */

export type Point = { x: number; y: number; z: number };
export type Ray = { from: Point; along: Point };
type Turn = { x: number; y: number; z: number; w: number };
/** Hand one Gaussian over: where it is, its three standard deviations, its rotation, its opacity. */
export type Each = (centre: Point, scales: Point, turn: Turn, opacity: number) => void;

/** How sure the scene's size is: a standard deviation of its logarithm, and whether the focal length was guessed. */
export type Scale = { spread: number | null; guessed: boolean };

const NEAR_M = 0.02;
/** Standard deviations beyond which a Gaussian hides nothing: as far as the viewer draws it. */
const WIDE = 2.83;
/** Less than this share of the light is nothing to measure at. */
const FAINT = 0.1;

const dot = (a: Point, b: Point): number => a.x * b.x + a.y * b.y + a.z * b.z;
const minus = (a: Point, b: Point): Point => ({ x: a.x - b.x, y: a.y - b.y, z: a.z - b.z });

export const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);

/** Turn a vector back: into the axes of what was turned. */
function back({ x, y, z, w }: Turn, v: Point): Point {
  const [cx, cy, cz] = [v.y * z - v.z * y + w * v.x, v.z * x - v.x * z + w * v.y, v.x * y - v.y * x + w * v.z];
  return {
    x: v.x + 2 * (cy * z - cz * y),
    y: v.y + 2 * (cz * x - cx * z),
    z: v.z + 2 * (cx * y - cy * x),
  };
}

/** Return how far along the ray (a unit vector) a Gaussian is densest, and what share of the light it stops there. */
function met(ray: Ray, centre: Point, scales: Point, turn: Turn, opacity: number): { at: number; stops: number } {
  const size = [scales.x, scales.y, scales.z].map((each) => Math.max(each, 1e-6)) as [number, number, number];
  const from = back(turn, minus(ray.from, centre));
  const along = back(turn, ray.along);
  const [o, d] = [from, along].map(({ x, y, z }) => ({ x: x / size[0], y: y / size[1], z: z / size[2] })) as [
    Point,
    Point,
  ];
  const at = -dot(o, d) / dot(d, d);
  const off = Math.max(0, dot(o, o) + at * dot(o, d));
  return { at, stops: off > WIDE * WIDE ? 0 : opacity * Math.exp(-off / 2) };
}

/** Return where half of the ray's light is stopped that is stopped at all: the surface that is seen; null for nothing. */
export function surface(ray: Ray, forEach: (each: Each) => void): Point | null {
  const found: { at: number; stops: number }[] = [];
  forEach((centre, scales, turn, opacity) => {
    const to = minus(centre, ray.from);
    const before = dot(to, ray.along);
    if (before < NEAR_M) return;
    const reach = WIDE * Math.max(scales.x, scales.y, scales.z);
    if (dot(to, to) - before * before > reach * reach) return;
    const hit = met(ray, centre, scales, turn, opacity);
    if (hit.at > NEAR_M && hit.stops > 1 / 255) found.push(hit);
  });
  found.sort((a, b) => a.at - b.at);
  const left = found.reduce((light, { stops }) => light * (1 - Math.min(stops, 0.999)), 1);
  if (1 - left < FAINT) return null;
  const half = (1 + left) / 2;
  let light = 1;
  for (const { at, stops } of found) {
    light *= 1 - Math.min(stops, 0.999);
    if (light <= half) {
      const { from, along } = ray;
      return { x: from.x + at * along.x, y: from.y + at * along.y, z: from.z + at * along.z };
    }
  }
  return null;
}

/** "8.4 cm", "1.24 m", "12.4 m". */
export function length(metres: number): string {
  if (metres < 0.1) return `${(metres * 100).toFixed(1)} cm`;
  if (metres < 1) return `${Math.round(metres * 100)} cm`;
  return `${metres.toFixed(metres < 10 ? 2 : 1)} m`;
}

/** Return a distance in words, with how far it may be off: one standard deviation to each side. */
export function measured(metres: number, { spread, guessed }: Scale): string {
  if (guessed || spread === null) return `about ${length(metres)}`;
  return `${length(metres)}, likely ${length(metres * Math.exp(-spread))} to ${length(metres * Math.exp(spread))}`;
}

/** Return what a person must know of all distances in the scene. */
export function caution({ spread, guessed }: Scale): string {
  if (guessed)
    return "The photo does not state its focal length, so it was guessed: distances may be far off. Measure something whose length you know first.";
  if (spread === null) return "The model does not say how sure its scale is: take distances as estimates.";
  return "The scale is estimated from one photo; of three distances, two are within the range given.";
}
