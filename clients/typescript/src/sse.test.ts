import { expect, test } from "vitest";

import { type Frame, SseParser } from "./sse.ts";

function parsed(text: string, size: number): { frames: Frame[]; retries: number[] } {
  const frames: Frame[] = [];
  const retries: number[] = [];
  const parser = new SseParser({ frame: (each) => frames.push(each), retry: (each) => retries.push(each) });
  for (let at = 0; at < text.length; at += size) parser.feed(text.slice(at, at + size));
  return { frames, retries };
}

const TEXT = [
  ": a comment",
  "retry: 1500",
  "retry: soon",
  "id: 1",
  "",
  "event: a",
  "data: one",
  "data:two",
  "data",
  "",
  "unknown: field",
  "",
  "id: 2",
  "data:  {}",
  "",
  "data: unfinished",
].join("\n");

test.each([
  ["\n", 1],
  ["\r\n", 1],
  ["\r", 1],
  ["\r\n", 2],
  ["\n", 7],
  ["\r\n", 1000],
])("lines that end with %j are read in pieces of %i", (end, size) => {
  const { frames, retries } = parsed(TEXT.replaceAll("\n", end), size);
  expect(frames).toEqual([
    { id: "1", named: true, type: "message", data: "" },
    { id: "1", named: false, type: "a", data: "one\ntwo\n" },
    { id: "2", named: true, type: "message", data: " {}" },
  ]);
  expect(retries).toEqual([1500]);
});
