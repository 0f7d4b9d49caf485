/** Which kind of video a browser is asked for: the one that plays in most of the others. */

export type Codec = "avc" | "vp9" | "av1";
export type Choice = { codec: Codec; title: string; ending: ".mp4" | ".webm"; mediaType: string };
export type Size = { width: number; height: number };

/** H.264 plays everywhere; not every browser may encode it, and those encode VP9 or AV1. */
export const CHOICES: readonly Choice[] = [
  { codec: "avc", title: "H.264", ending: ".mp4", mediaType: "video/mp4" },
  { codec: "vp9", title: "VP9", ending: ".webm", mediaType: "video/webm" },
  { codec: "av1", title: "AV1", ending: ".mp4", mediaType: "video/mp4" },
];
export const FPS = 30;
/** Bits a pixel: a scene has fine grain, which less would smear. */
const BITS = 0.12;

/** Return the first choice that `can` encode; null where there is none. */
export async function choose(can: (codec: Codec) => Promise<boolean>): Promise<Choice | null> {
  for (const choice of CHOICES) if (await can(choice.codec)) return choice;
  return null;
}

/** Return the photo's shape with `longest` pixels on its longer side; encoders want even numbers. */
export function sizeOf({ width, height }: Size, longest: number): Size {
  const scale = longest / Math.max(width, height);
  const even = (side: number) => Math.max(16, 2 * Math.round((side * scale) / 2));
  return { width: even(width), height: even(height) };
}

export const bitrateOf = ({ width, height }: Size): number => Math.round(width * height * FPS * BITS);

/** Return what the file is called: as its scene, without what a file system refuses. */
export function fileName(scene: string, { ending }: Choice): string {
  // eslint-disable-next-line no-control-regex -- control characters are refused as well
  const bare = scene.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, " ").trim();
  return `${bare.slice(0, 100) || "scene"}${ending}`;
}
