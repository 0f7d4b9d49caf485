import { expect, test } from "vitest";

import { byDay, byKind, ceiling } from "./tally";

const NOW = Date.parse("2026-03-02T10:00:00Z");

test("every day has its place, also those on which nothing happened", () => {
  const days = byDay(
    [
      { day: "2026-03-02", event_type: "scene_export", count: 2 },
      { day: "2026-02-28", event_type: "scene_generate", count: 5 },
      { day: "2026-02-28", event_type: "scene_export", count: 1 },
      { day: "2026-01-01", event_type: "scene_generate", count: 99 },
    ],
    3,
    NOW,
  );
  expect(days.map(({ day, sum }) => [day, sum])).toEqual([
    ["2026-02-28", 6],
    ["2026-03-01", 0],
    ["2026-03-02", 2],
  ]);
  expect(byKind(days)).toEqual([
    ["scene_generate", 5],
    ["scene_export", 3],
  ]);
});

test("the scale ends at a round figure that holds the highest bar", () => {
  expect([0, 1, 3, 10, 11, 480, 501].map(ceiling)).toEqual([1, 1, 5, 10, 20, 500, 1000]);
});
