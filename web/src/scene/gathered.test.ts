import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";

import { Gathered } from "./gathered";

test("a hundred events in ten seconds read a list ten times, each reading ends, and the last event is in it", async () => {
  vi.useFakeTimers();
  const queries = new QueryClient();
  const count = { asked: 0, ended: 0, events: 0, seen: 0 };
  const read = async () => {
    count.asked += 1;
    const seen = count.events;
    await new Promise((resolve) => setTimeout(resolve, 300));
    count.ended += 1;
    count.seen = seen;
    return seen;
  };
  const stop = new QueryObserver(queries, { queryKey: ["scenes", ""], queryFn: read }).subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(400);
  const gathered = new Gathered(queries);
  for (let at = 0; at < 100; at += 1) {
    count.events += 1;
    gathered.add(["scenes"]);
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(3_000);
  expect(count.asked).toBeLessThanOrEqual(13);
  expect(count.asked).toBeGreaterThan(5);
  expect(count.ended).toBe(count.asked);
  expect(count.seen).toBe(100);
  gathered.close();
  stop();
  vi.useRealTimers();
});
