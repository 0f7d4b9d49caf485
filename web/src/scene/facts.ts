/** What a completed scene's metadata states, in plain words. */
import type { Model } from "../api/models";
import { many, size } from "../lib/words";

const FOCAL_SOURCES: Record<string, string> = {
  request: "as stated with the photo",
  exif: "from the photo's EXIF",
  network: "found by the network",
  default: "a guess: the photo does not state it",
};

type Part = Record<string, unknown>;

/** Return the facts of a scene as terms and texts; what is not known is left out. */
export function factsOf(metadata: Record<string, unknown>, models: Model[]): [string, string][] {
  const { model = {}, result = {}, scores = {} } = metadata as Record<string, Part>;
  const licence = models.find(({ name }) => name === model.name)?.licence;
  const facts: [string, string | null | undefined][] = [
    ["Gaussians", many(Number(result.gaussian_count))],
    ["Size of the splat", size(Number(result.bytes))],
    ["Photo", `${String(result.width)} × ${String(result.height)} pixels`],
    [
      "Focal length",
      [`${Math.round(Number(result.focal_length_px))} pixels`, FOCAL_SOURCES[String(metadata.focal_source)]]
        .filter(Boolean)
        .join(", "),
    ],
    ["Accuracy of sizes", scaleOf(metadata.scale_uncertainty)],
    ["Likeness to the photo", likenessOf(scores)],
    ["Model", `${String(model.name)} ${String(model.version)} on ${String(model.device)}, ${String(model.dtype)}`],
    ["Licence of the model", licence],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

/** One standard deviation, as a share or else as a factor. */
function scaleOf(spread: unknown): string | null {
  if (typeof spread !== "number") return null;
  const factor = Math.exp(spread);
  return factor < 1.5 ? `±${Math.round(100 * (factor - 1))} %` : `right to a factor of ${factor.toFixed(1)}`;
}

function likenessOf(scores: Part): string {
  const figures: [string, number][] = [
    ["psnr", 1],
    ["ssim", 2],
    ["lpips", 3],
    ["dists", 3],
  ];
  return figures
    .filter(([name]) => typeof scores[name] === "number")
    .map(
      ([name, digits]) =>
        `${name.toUpperCase()} ${Number(scores[name]).toFixed(digits)}${name === "psnr" ? " dB" : ""}`,
    )
    .join(", ");
}
