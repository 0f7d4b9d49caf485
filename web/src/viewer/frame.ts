import type { Scale } from "./measure";

/** The photo's camera: its size in pixels and its focal length, from the scene's metadata. */
export type Frame = { width: number; height: number; focal: number };

/** Return the vertical field of view, in degrees, that shows all of the photo in a view of this aspect. */
export function fieldOfView(frame: Frame, aspect: number): number {
  const { width, height, focal } = frame;
  const half = aspect >= width / height ? height / 2 : width / 2 / aspect;
  return (2 * Math.atan(half / focal) * 180) / Math.PI;
}

/** Return the camera that a scene's metadata tells; null before it is completed. */
export function frameOf(metadata: Record<string, unknown>): Frame | null {
  const result = metadata.result as Record<string, unknown> | undefined;
  const { width, height, focal_length_px: focal } = result ?? {};
  if (typeof width !== "number" || typeof height !== "number" || typeof focal !== "number") return null;
  return { width, height, focal };
}

/** Return how sure the scene's size is, from its metadata or from what a share states of it. */
export function scaleOf(stated: Record<string, unknown>): Scale {
  const { scale_uncertainty: spread, focal_source: source } = stated;
  return { spread: typeof spread === "number" ? spread : null, guessed: source === "default" };
}

/** Return the middle of the distances: what the camera turns about. */
export function median(distances: number[]): number {
  const sorted = distances.filter((each) => Number.isFinite(each) && each > 0).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 2;
}
