import { expect, test } from "vitest";

import { tilted } from "./tilt";

const held = { beta: 40, gamma: 0 };

test("as it was held at first, the photo's view is shown", () => {
  const { right, up } = tilted(held, held, 0);
  expect([right, Math.abs(up)]).toEqual([0, 0]);
});

test("to the right is to the right, and no tilt goes beyond the reach", () => {
  expect(tilted(held, { beta: 40, gamma: 12.5 }, 0).right).toBeCloseTo(0.5);
  expect(tilted(held, { beta: 40, gamma: 80 }, 0).right).toBe(1);
  expect(tilted(held, { beta: 15, gamma: 0 }, 0).up).toBeCloseTo(1);
});

test("held sideways, the axes change with the picture", () => {
  const { right, up } = tilted(held, { beta: 52.5, gamma: 0 }, 90);
  expect(right).toBeCloseTo(0.5);
  expect(up).toBeCloseTo(0);
});

test("a phone over one's head does not jump where beta goes from 180 to -180", () => {
  const { up } = tilted({ beta: 178, gamma: 0 }, { beta: -177, gamma: 0 }, 0);
  expect(up).toBeCloseTo(-0.2);
});
