import { expect, test } from "vitest";

import { csv } from "./csv";

test("values are quoted where they must be", () => {
  expect(
    csv(
      ["day", "key"],
      [
        ["2026-01-31", 'a "b", c'],
        ["x\ny", null],
      ],
    ),
  ).toBe('day,key\r\n2026-01-31,"a ""b"", c"\r\n"x\ny",\r\n');
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")'])(
  "%s is no formula in a spreadsheet",
  (name) => {
    const [, row] = csv(["key"], [[name]]).split(/\r\n(?!=1)/);
    expect(row?.replace(/^"/, "").startsWith("'")).toBe(true);
  },
);

test("numbers stay numbers", () => expect(csv(["n"], [[-3]])).toBe("n\r\n-3\r\n"));
