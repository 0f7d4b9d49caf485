import { expect, test } from "vitest";

import { ApiError, asApiError, plain } from "./problem";

test("what is wrong with a field is said without the service's types", () => {
  expect(plain("Expected `str` of length >= 8.")).toBe("at least 8 characters are needed.");
  expect(plain("Expected `str` of length <= 100")).toBe("at most 100 characters are allowed.");
  expect(plain("Expected `int` >= 1")).toBe("at least 1 is needed.");
  expect(plain("Expected `int`, got `str`")).toBe("this has not the right form.");
  expect(plain("There is an account with this address.")).toBe("There is an account with this address.");
  const fields = [{ field: "image_url", message: "Expected `str` of length >= 8." }];
  expect(new ApiError("validation_failed", "Expected", { details: { fields } }).sentence).toBe(
    "image url: at least 8 characters are needed.",
  );
});

test("only an answer that never came is taken for a broken connection", () => {
  expect(asApiError(new TypeError("x is undefined")).code).toBe("unexpected");
});
