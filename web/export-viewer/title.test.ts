import { expect, test } from "vitest";

import { titleOf } from "./title";

test("the title is the file's name", () => {
  expect(titleOf("file:///srv/My%20kitchen.html")).toBe("My kitchen");
  expect(titleOf("https://example.com/scenes/K%C3%BCche.HTM?x=1#y")).toBe("Küche");
  expect(titleOf("file:///a/photo.jpg.html")).toBe("photo.jpg");
});

test("a name that is none has a title too", () => {
  expect(titleOf("https://example.com/")).toBe("A 3D scene");
  expect(titleOf("file:///a/%FF.html")).toBe("%FF");
  expect(titleOf(`file:///${"a".repeat(300)}.html`)).toHaveLength(120);
});

test("markup in a name stays text", () => {
  expect(titleOf("file:///a/%3Cimg%20src=x%20onerror=alert(1)%3E.html")).toBe("<img src=x onerror=alert(1)>");
});
