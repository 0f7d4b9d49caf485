import { expect, test } from "vitest";

import { caution, distance, type Each, length, measured, type Point, surface } from "./measure";

const upright = { x: 0, y: 0, z: 0, w: 1 };
const ray = { from: { x: 0, y: 0, z: 0 }, along: { x: 0, y: 0, z: -1 } };
const small = { x: 0.05, y: 0.05, z: 0.01 };
type Gaussian = Parameters<Each>;
const at = (z: number, opacity: number, x = 0): Gaussian => [{ x, y: 0, z }, small, upright, opacity];
const seen = (...gaussians: Gaussian[]): Point | null =>
  surface(ray, (each) => gaussians.forEach((gaussian) => each(...gaussian)));

test("the nearest opaque thing is measured at, in whatever order the Gaussians come", () => {
  expect(seen(at(-3, 0.99), at(-2, 0.99))?.z).toBeCloseTo(-2);
});

test("a veil before it is looked through, and what is behind the camera or beside the ray is not seen", () => {
  expect(seen(at(-1, 0.2), at(-2, 0.99), at(1, 0.99), at(-1, 0.99, 1))?.z).toBeCloseTo(-2);
});

test("where there is nothing but haze there is nothing to measure", () => {
  expect(seen()).toBeNull();
  expect(seen(at(-2, 0.05))).toBeNull();
});

test("of a thin Gaussian the part that the ray crosses counts, however it is turned", () => {
  const half = Math.SQRT1_2;
  const turned = { x: 0, y: half, z: 0, w: half }; // by 90 degrees about y: thin across, deep along the ray
  const sheet: Gaussian = [{ x: 0.05, y: 0, z: -2 }, { x: 0.2, y: 0.2, z: 0.001 }, turned, 0.99];
  expect(seen(sheet)).toBeNull();
  const slanted: Gaussian = [
    { x: 0.1, y: 0, z: -2 },
    { x: 0.5, y: 0.5, z: 1e-6 },
    { x: 0, y: Math.sin(Math.PI / 8), z: 0, w: Math.cos(Math.PI / 8) },
    0.99,
  ];
  expect(seen(slanted)?.z).toBeCloseTo(-1.9); // a plane turned by 45 degrees about y: z grows as x shrinks
});

test("a distance is as long as it is, and says what is not known", () => {
  expect(distance({ x: 0, y: 3, z: 0 }, { x: 4, y: 0, z: 0 })).toBe(5);
  expect([length(0.0421), length(0.42), length(1.237), length(12.37)]).toEqual(["4.2 cm", "42 cm", "1.24 m", "12.4 m"]);
  expect(measured(1, { spread: 0.1, guessed: false })).toBe("1.00 m, likely 90 cm to 1.11 m");
  expect(measured(1, { spread: null, guessed: false })).toBe("about 1.00 m");
  expect(measured(1, { spread: 0.1, guessed: true })).toBe("about 1.00 m");
  expect(caution({ spread: 0.1, guessed: true })).toContain("guessed");
});
