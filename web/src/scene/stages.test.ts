import { expect, test } from "vitest";

import { advance, type Progress, progressOfStatus, STAGES } from "./stages";

const progress = (stage: string, fraction: number) => ({ type: "generation.progress.v1", data: { stage, fraction } });

test("a scene goes through its stages in order, and an event that came late does not take it back", () => {
  let place: Progress | undefined;
  const seen: number[] = [];
  for (const event of [
    { type: "generation.requested.v1", data: {} },
    { type: "generation.started.v1", data: {} },
    progress("decode", 0.3),
    progress("fetch", 0.1),
    progress("inference", 0.6),
    { type: "generation.completed.v1", data: {} },
    progress("upload", 0.9),
  ]) {
    place = advance(place, event);
    seen.push(place?.stage ?? -1);
  }
  expect(seen).toEqual([0, 1, 2, 2, 4, STAGES.length, STAGES.length]);
});

test("what is not understood changes nothing", () => {
  const place = { stage: 3, fraction: 0.5 };
  expect(advance(place, progress("a stage to come", 0.7))).toBe(place);
  expect(advance(undefined, { type: "export.completed.v1", data: {} })).toBeUndefined();
});

test("without a word from the stream the status tells as much as it can", () => {
  expect(progressOfStatus("pending").stage).toBe(0);
  expect(progressOfStatus("processing").stage).toBe(1);
  expect(progressOfStatus("completed").fraction).toBe(1);
});
