import { expect, test } from "vitest";

import { fieldOfView, frameOf, median, scaleOf } from "./frame";

const frame = { width: 600, height: 400, focal: 500 };
const radians = (degrees: number) => (degrees * Math.PI) / 180;

test("in a view of its own shape the photo fills it exactly", () => {
  expect(2 * 500 * Math.tan(radians(fieldOfView(frame, 1.5)) / 2)).toBeCloseTo(400);
});

test("in any other view all of the photo is seen, and it touches two edges", () => {
  for (const aspect of [0.4, 1, 2, 3]) {
    const high = 2 * 500 * Math.tan(radians(fieldOfView(frame, aspect)) / 2);
    expect(high).toBeGreaterThanOrEqual(400 - 1e-9);
    expect(high * aspect).toBeGreaterThanOrEqual(600 - 1e-9);
    expect(Math.min(high - 400, high * aspect - 600)).toBeCloseTo(0);
  }
});

test("a scene without a result has no camera", () => {
  expect(frameOf({ image: { width: 3, height: 2 } })).toBeNull();
  expect(frameOf({ result: { width: 3, height: 2, focal_length_px: 4 } })).toEqual({ width: 3, height: 2, focal: 4 });
});

test("what is looked at lies in the middle of the distances, whatever is behind the camera or endless", () => {
  expect(median([5, 1, 3, -2, Number.POSITIVE_INFINITY])).toBe(3);
  expect(median([])).toBe(2);
});

test("how sure the size is comes from the metadata; what they do not say is not known", () => {
  expect(scaleOf({ scale_uncertainty: 0.2, focal_source: "exif" })).toEqual({ spread: 0.2, guessed: false });
  expect(scaleOf({ focal_source: "default" })).toEqual({ spread: null, guessed: true });
  expect(scaleOf({})).toEqual({ spread: null, guessed: false });
});
