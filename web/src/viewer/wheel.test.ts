import { expect, test } from "vitest";

import { WheelOwner } from "./wheel";

const plain = { ctrlKey: false };

test("the wheel scrolls the page until the scene is clicked, and again once it is left", () => {
  const owner = new WheelOwner();
  expect(owner.zooms(0, plain, false)).toBe(false);
  owner.take();
  expect(owner.zooms(1, plain, false)).toBe(true);
  owner.release();
  expect(owner.zooms(2, plain, false)).toBe(false);
});

test("Ctrl and full screen zoom always", () => {
  const owner = new WheelOwner();
  expect(owner.zooms(0, { ctrlKey: true }, false)).toBe(true);
  expect(owner.zooms(0, plain, true)).toBe(true);
});

test("a page that is being scrolled goes on, though the scene had the focus", () => {
  const owner = new WheelOwner();
  owner.take();
  owner.scrolled(1_000);
  expect(owner.zooms(1_200, plain, false)).toBe(false);
  expect(owner.zooms(1_400, plain, false)).toBe(false); // the same turn: its steps are less than 250 ms apart
  expect(owner.zooms(1_700, plain, false)).toBe(true);
});
