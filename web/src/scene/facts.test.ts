import { expect, test } from "vitest";

import type { Model } from "../api/models";
import { factsOf } from "./facts";

const MODELS = [
  { name: "layered/bundled", licence: "Apache-2.0." },
  { name: "sharp", licence: "Research only." },
] as Model[];
const OLD = {
  result: { gaussian_count: 20_184, bytes: 1_130_000, width: 600, height: 400, focal_length_px: 500.4 },
  model: { name: "layered/bundled", version: "1", device: "cpu", dtype: "float32" },
};
const text = (metadata: Record<string, unknown>, term: string): string | undefined =>
  Object.fromEntries(factsOf({ ...OLD, ...metadata }, MODELS))[term];

test("a scene of an earlier release has the facts that it states", () => {
  expect(factsOf(OLD, []).map(([term]) => term)).toEqual([
    "Gaussians",
    "Size of the splat",
    "Photo",
    "Focal length",
    "Model",
  ]);
  expect(text({}, "Focal length")).toBe("500 pixels");
});

test("the model is named with its network and its licence", () => {
  expect(text({}, "Model")).toBe("layered/bundled 1 on cpu, float32");
  expect(text({}, "Licence of the model")).toBe("Apache-2.0.");
  expect(text({ model: { ...OLD.model, name: "layered/home" } }, "Licence of the model")).toBeUndefined();
});

test("the focal length has its source", () => {
  const said = ["request", "exif", "network", "default", "later"].map((focal_source) =>
    text({ focal_source }, "Focal length"),
  );
  expect(said).toEqual([
    "500 pixels, as stated with the photo",
    "500 pixels, from the photo's EXIF",
    "500 pixels, found by the network",
    "500 pixels, a guess: the photo does not state it",
    "500 pixels",
  ]);
});

test("the uncertainty of the size is a share, or a factor where it is large", () => {
  const said = [0, 0.26, 0.4, 0.5, 1].map((scale_uncertainty) => text({ scale_uncertainty }, "Accuracy of sizes"));
  expect(said).toEqual(["±0 %", "±30 %", "±49 %", "right to a factor of 1.6", "right to a factor of 2.7"]);
});

test("the scores are shown as far as they are there", () => {
  expect(text({ scores: { size: 768, psnr: 31.46, ssim: 0.934 } }, "Likeness to the photo")).toBe(
    "PSNR 31.5 dB, SSIM 0.93",
  );
  const all = { size: 768, psnr: 100, ssim: 1, lpips: 0, dists: 0.1234 };
  expect(text({ scores: all }, "Likeness to the photo")).toBe("PSNR 100.0 dB, SSIM 1.00, LPIPS 0.000, DISTS 0.123");
});
