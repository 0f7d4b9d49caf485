import { expect, test } from "vitest";

import { HOME, plus, REACH_M, reachOf, sway, towards, within } from "./motion";

const far = (place: { right: number; up: number; forward: number }) => Math.hypot(place.right, place.up, place.forward);

test("the reach is half a metre at most, and less in front of near things", () => {
  expect(reachOf(100)).toBe(REACH_M);
  expect(reachOf(0.5)).toBeCloseTo(0.11);
});

test("whatever is asked for, the camera stays within reach, in the direction that was meant", () => {
  const asked = { right: 3, up: -4, forward: 0 };
  const place = within(asked, 0.5);
  expect(far(place)).toBeCloseTo(0.5);
  expect(place.up / place.right).toBeCloseTo(asked.up / asked.right);
  expect(within({ right: 0.1, up: 0, forward: 0 }, 0.5)).toEqual({ right: 0.1, up: 0, forward: 0 });
});

test("a movement ends exactly at its goal, and takes the same time at every frame rate", () => {
  const goal = { right: 0.2, up: 0.1, forward: -0.1 };
  const after = (frame: number) => {
    let place = HOME;
    for (let ms = 0; ms < 120; ms += frame) place = towards(place, goal, frame);
    return place.right;
  };
  expect(after(4)).toBeCloseTo(after(40), 6);
  let place = HOME;
  for (let frame = 0; frame < 100; frame += 1) place = towards(place, goal, 16);
  expect(place).toBe(goal);
});

test("the first sway stays within reach, begins and ends at home, and ends", () => {
  for (let ms = 0; ms < 3_600; ms += 50) expect(far(sway(ms, 0.4) ?? HOME)).toBeLessThan(0.4);
  expect(far(sway(0, 0.4) ?? HOME)).toBeCloseTo(0);
  expect(sway(3_600, 0.4)).toBeNull();
  expect(plus(HOME, { up: 1 })).toEqual({ right: 0, up: 1, forward: 0 });
});
