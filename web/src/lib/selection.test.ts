import { expect, test } from "vitest";

import { among, NONE, toggled } from "./selection";

const ORDER = ["a", "b", "c", "d"];
const chosen = ({ chosen: found }: { chosen: ReadonlySet<string> }) => [...found].sort().join("");

test("one is chosen and not chosen again", () => {
  const one = toggled(NONE, "b", ORDER, false);
  expect(chosen(one)).toBe("b");
  expect(chosen(toggled(one, "b", ORDER, false))).toBe("");
});

test("a range reaches from the last one, either way, and is made as its end", () => {
  const begun = toggled(NONE, "c", ORDER, false);
  expect(chosen(toggled(begun, "a", ORDER, true))).toBe("abc");
  const all = toggled(toggled(NONE, "a", ORDER, false), "d", ORDER, true);
  expect(chosen(toggled(all, "b", ORDER, true))).toBe("a");
  expect(chosen(toggled(NONE, "b", ORDER, true))).toBe("b");
});

test("what is gone from the list is chosen no longer", () => {
  const all = { chosen: new Set(ORDER), anchor: "a" };
  expect(chosen(among(all, ["a", "d"]))).toBe("ad");
  expect(among(all, ORDER).chosen).toBe(all.chosen);
});
