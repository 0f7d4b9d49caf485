import { expect, test, vi } from "vitest";

const add = vi.hoisted(() => vi.fn());
vi.mock("./uploads", () => ({ add }));

import { send, sendWaiting } from "./waiting";

test("photos chosen before the sign-in are sent once, after it", () => {
  const [first, second, third] = ["a.jpg", "b.jpg", "c.jpg"].map((name) => new File(["x"], name));
  expect(send([first!], false)).toBe("/sign-up");
  expect(send([second!], false)).toBe("/sign-up");
  expect(add).not.toHaveBeenCalled();
  sendWaiting();
  sendWaiting();
  expect(add.mock.calls).toEqual([[[first, second]]]);
  expect(send([third!], true)).toBe("/");
  expect(add).toHaveBeenLastCalledWith([third]);
});
