import { afterEach, expect, test, vi } from "vitest";

import { spares } from "./quiet";

function device(connection: object | undefined, reduced: boolean): void {
  vi.stubGlobal("navigator", { connection });
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: reduced && query.includes("reduce") }));
}

afterEach(() => vi.unstubAllGlobals());

test.each([
  [undefined, false, false],
  [{ saveData: false, effectiveType: "4g" }, false, false],
  [{ saveData: true, effectiveType: "4g" }, false, true],
  [{ saveData: false, effectiveType: "slow-2g" }, false, true],
  [{ effectiveType: "3g" }, false, true],
  [undefined, true, true],
])("the splat is not fetched unasked where that is unwelcome: %o, reduced motion %s", (connection, reduced, spared) => {
  device(connection, reduced);
  expect(spares()).toBe(spared);
});
