import { expect, test } from "vitest";

import { tokenIn } from "./token";

const TOKEN = "aB3_-".repeat(8) + "xyz";

test.each([TOKEN, `#${TOKEN}`, ` https://splats.example/register#${TOKEN}\n`])("%s", (text) =>
  expect(tokenIn(text)).toBe(TOKEN),
);
test.each(["", "#", `#${TOKEN}x`, TOKEN.slice(1), `https://splats.example/${TOKEN}`, `#${TOKEN}#`])(
  "%s is none",
  (text) => expect(tokenIn(text)).toBeNull(),
);
