import { expect, test } from "vitest";

import { marks, rangeOf, shareOf, stops } from "./depth";

test("the range is that of the scene, without its strays", () => {
  const depths = Array.from({ length: 1_000 }, (_, index) => 1 + index / 250);
  const { near, far } = rangeOf([...depths, 900, -3, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(near).toBeCloseTo(1.08, 2);
  expect(far).toBeCloseTo(4.92, 1);
});

test("a flat scene has a range too, and so has an empty one", () => {
  expect(rangeOf([2, 2, 2]).far).toBeGreaterThan(2);
  const { near, far } = rangeOf([]);
  expect(far).toBeGreaterThan(near);
});

test("each step of colour is the same factor of the distance", () => {
  const range = { near: 1, far: 16 };
  expect(shareOf(4, range)).toBeCloseTo(0.5);
  expect([shareOf(0.5, range), shareOf(50, range)]).toEqual([0, 1]);
  expect(marks({ near: 1, far: 27 })).toEqual(["1 m", "3 m", "9 m", "27 m"]);
  expect(stops()[0]).toEqual({ offset: 0, colour: "rgb(253 231 37)" });
});
