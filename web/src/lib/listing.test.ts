import { describe, expect, test } from "vitest";

import { isPlain, listingOf, queryOf } from "./listing";

const of = (text: string) => listingOf(new URLSearchParams(text));

describe("the list that an address asks for", () => {
  test("comes back from the address that is made of it", () => {
    for (const text of ["", "q=img+12&tag=may", "sort=name&status=failed&favourite=true", "model=layered%2Fbundled"])
      expect(of(queryOf(of(text)))).toEqual(of(text));
  });
  test("leaves out what is no value", () => {
    expect(of("sort=random&status=done&favourite=maybe&tag=++&x=1")).toEqual({});
    expect(of("sort=newest")).toEqual({});
    expect(of(`q=${"a".repeat(300)}`).q).toHaveLength(100);
  });
  test("is plain where nothing is filtered, in whatever order", () => {
    expect(isPlain(of("sort=largest"))).toBe(true);
    expect(isPlain(of("favourite=true"))).toBe(false);
  });
});
