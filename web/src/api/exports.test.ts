import { expect, test } from "vitest";

import { chosen } from "./exports";

test("an option that equals its default is not sent: the file would be the same", () => {
  const schemas = { up: { default: "y", enum: ["y", "z"] }, size: { default: 512 }, most: { default: null } };
  expect(chosen({ up: "y", size: 512, most: 10 }, schemas)).toEqual({ most: 10 });
  expect(chosen({ up: "z" }, schemas)).toEqual({ up: "z" });
});
