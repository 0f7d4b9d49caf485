import { expect, test } from "vitest";

import { HOME, type Place } from "../motion";
import { loops, ownPath, shares, swayPath, travelPath, turnPath } from "./paths";

const far = (a: Place, b: Place = HOME) => Math.hypot(a.right - b.right, a.up - b.up, a.forward - b.forward);
const START = { right: 0.1, up: 0, forward: 0.1 };

test("loops end where they begin, and no way leaves the reach", () => {
  for (const path of [swayPath(0.4), turnPath(0.4), swayPath(0.4, START), turnPath(0.4, START)]) {
    expect(far(path(0), path(1))).toBeCloseTo(0);
    expect(Math.max(...shares(30, true).map((share) => far(path(share))))).toBeLessThanOrEqual(0.4 + 1e-9);
    expect(far(path(0.25), path(0.75))).toBeGreaterThan(0.2);
  }
});

test("from view to view it begins and ends slowly", () => {
  const path = travelPath(HOME, START);
  expect([path(0), path(1)]).toEqual([HOME, START]);
  expect(far(path(0.1))).toBeLessThan(0.1 * far(START));
});

test("a hand's own move is replayed in its time, between its samples too", () => {
  const samples = [
    { ms: 1_000, place: HOME },
    { ms: 1_900, place: { ...HOME, right: 0.09 } },
    { ms: 2_000, place: { ...HOME, right: 0.19 } },
  ];
  const path = ownPath(samples);
  expect(path(0).right).toBe(0);
  expect(path(0.45).right).toBeCloseTo(0.045);
  expect(path(0.95).right).toBeCloseTo(0.14);
  expect(path(1).right).toBeCloseTo(0.19);
  expect(ownPath([])(0.5)).toEqual(HOME);
});

test("a loop's last frame is not its first one again, another way's is its end", () => {
  expect(shares(4, loops("turn"))).toEqual([0, 0.25, 0.5, 0.75]);
  expect(shares(3, loops("travel"))).toEqual([0, 0.5, 1]);
  expect(shares(1, false)).toEqual([0]);
});
