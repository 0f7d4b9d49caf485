import { expect, test, vi } from "vitest";

vi.mock("../api/upload", () => ({ sendPhoto: () => new Promise(() => undefined) }));

import type { SceneItem } from "../api/scenes";
import { progressOf } from "./progress";
import { justSent } from "./sent";
import type { Sending } from "./uploads";

const photo = (name: string, given: Partial<Sending> = {}): Sending => ({
  key: name,
  file: new File(["0123456789"], name),
  picture: null,
  fraction: 0,
  state: "waiting",
  sceneId: null,
  sentAt: 0,
  error: null,
  tries: 0,
  ...given,
});
const sent = (name: string, sentAt: number) => photo(name, { state: "sent", sceneId: name, sentAt });

test("a photo is a scene as soon as it is sent, until the list that was read later has it or has not", () => {
  const sendings = [photo("c"), sent("a", 1_000), sent("b", 2_000)];
  const names = (listed: SceneItem[], readAt: number) => justSent(sendings, listed, readAt).map(({ id }) => id);
  expect(names([], 0)).toEqual(["b", "a"]);
  expect(names([{ id: "a" } as SceneItem], 3_000)).toEqual(["b"]);
  expect(names([], 6_500)).toEqual(["b"]); // a was deleted
});

const began = { since: 0, forgotten: 0, forgottenBytes: 0 };

test("a batch says how far it is and how long the rest may take", () => {
  const batch = [sent("a", 10), sent("b", 10), photo("c", { state: "sending", fraction: 0.5 }), photo("d")];
  expect(progressOf(batch, began, 1_000)).toBe("2 of 4 sent");
  expect(progressOf(batch, began, 10_000)).toBe("2 of 4 sent, 6 s left");
  expect(progressOf(batch, began, 1_000_000)).toBe("2 of 4 sent, 10 min left");
  expect(progressOf([...batch, photo("e", { state: "failed" })], began, 1_000)).toBe("2 of 4 sent");
  const bytes = batch[0]?.file.size ?? 0;
  const shown = { since: 0, forgotten: 2, forgottenBytes: 2 * bytes }; // those that the store's list has
  expect(progressOf(batch.slice(2), shown, 10_000)).toBe("2 of 4 sent, 6 s left");
});
