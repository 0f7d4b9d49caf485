import { expect, test } from "vitest";

import { bitrateOf, type Codec, choose, fileName, sizeOf } from "./codecs";

const able = (...codecs: Codec[]) => choose((codec) => Promise.resolve(codecs.includes(codec)));

test("H.264 where the browser encodes it, else VP9, else AV1, else nothing", async () => {
  expect((await able("av1", "vp9", "avc"))?.codec).toBe("avc");
  expect(await able("av1", "vp9")).toMatchObject({ codec: "vp9", ending: ".webm" });
  expect(await able("av1")).toMatchObject({ codec: "av1", ending: ".mp4" });
  expect(await able()).toBeNull();
});

test("the video has the photo's shape, in even numbers, and bits as it has pixels", () => {
  expect(sizeOf({ width: 3_024, height: 4_032 }, 1_280)).toEqual({ width: 960, height: 1_280 });
  expect(sizeOf({ width: 301, height: 200 }, 640)).toEqual({ width: 640, height: 426 });
  expect(sizeOf({ width: 9_000, height: 10 }, 640).height).toBe(16);
  expect(bitrateOf({ width: 200, height: 100 })).toBe(4 * bitrateOf({ width: 100, height: 50 }));
});

test("the file is called as its scene, and every system takes the name", () => {
  const choice = { codec: "avc", title: "", ending: ".mp4", mediaType: "" } as const;
  expect(fileName("Küche am Morgen", choice)).toBe("Küche am Morgen.mp4");
  expect(fileName("a/b:c", choice)).toBe("a b c.mp4");
  expect(fileName("//", choice)).toBe("scene.mp4");
});
