import { expect, test } from "vitest";

import { steady } from "./steady";
import { ago, duration, many, ordinal, size } from "./words";

test("figures are said as people say them", () => {
  expect([0.2, 12.4, 940, 1_234, 61_000].map(duration)).toEqual(["under 1 ms", "12 ms", "940 ms", "1.2 s", "61 s"]);
  expect([999, 1_000, 86_526, 11_300_000, 2e15].map(size)).toEqual(["999 B", "1.0 kB", "87 kB", "11 MB", "2000 TB"]);
  expect([1, 2, 3, 4, 11, 21].map(ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "21st"]);
  expect(many(1_179_648)).toBe("1.18 million");
});

test("times are told from now, in the largest unit that fits", () => {
  const now = Date.parse("2026-03-02T10:00:00Z");
  expect(ago("2026-03-02T07:00:00Z", now)).toBe("3 hours ago");
  expect(ago("2026-03-09T10:00:00Z", now)).toBe("in 7 days");
  expect(ago("2026-03-09T09:59:58Z", now)).toBe("in 7 days");
  expect(ago("2026-03-03T09:59:58Z", now)).toBe("tomorrow");
  expect(ago("2026-02-23T10:00:01Z", now)).toBe("6 days ago");
});

test("a picture keeps its address until that runs out", () => {
  expect(steady("a", "first", 0)).toBe("first");
  expect(steady("a", "second", 1_000)).toBe("first");
  expect(steady("b", "other", 1_000)).toBe("other");
  expect(steady("a", "third", 3_600_000)).toBe("third");
});
