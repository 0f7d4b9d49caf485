import { expect, test } from "vitest";

import { mostGaussians } from "./detail";

const desktop = { coarse: false, memory: 8, saveData: false };
const phone = { coarse: true, memory: null, saveData: false };

test("a desktop draws all of a scene, a phone fewer, a small phone fewer still", () => {
  const small = mostGaussians("fine", { ...phone, memory: 4 });
  expect(mostGaussians("fine", desktop)).toBe(Number.POSITIVE_INFINITY);
  expect(mostGaussians("fine", phone)).toBeLessThan(1_200_000);
  expect(small).toBeLessThan(mostGaussians("fine", phone));
});

test("who asks for little gets the least, on every device", () => {
  const least = mostGaussians("light", desktop);
  expect(mostGaussians("light", phone)).toBe(least);
  expect(mostGaussians("fine", { ...desktop, saveData: true })).toBe(least);
  expect(least).toBeLessThan(mostGaussians("fine", { ...phone, memory: 2 }));
});
