/** The same done to several scenes, in requests of as many as one may name. */
import { api, ok, type Schemas } from "./client";

export type Outcome = Schemas["BulkItem"];
type Action = Omit<Schemas["BulkIn"], "scene_ids">;

export const MOST = 100;
/** Refusals that pass: the account's exports are to end first. */
const PASSING = new Set(["quota_exports", "rate_limited"]);
const AGAIN_MS = 3_000;

/** Carry out an action on all of these scenes; returns what came of each. */
export async function onAll(ids: string[], action: Partial<Action> & Pick<Action, "action">): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for (let at = 0; at < ids.length; at += MOST) {
    const body = { tags: [], options: {}, ...action, scene_ids: ids.slice(at, at + MOST) } as Schemas["BulkIn"];
    found.push(...(await ok(api.POST("/api/v1/scenes/bulk", { body }))).items);
  }
  return found;
}

/** Order an export of each, again and again where a quota makes some wait; `moved` hears how many are ordered. */
export async function exportAll(
  ids: string[],
  format: string,
  moved: (ordered: number) => void,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const settled: Outcome[] = [];
  let left = ids;
  while (left.length && !signal.aborted) {
    const found = await onAll(left, { action: "export", format });
    settled.push(...found.filter(({ code }) => !PASSING.has(code ?? "")));
    left = found.filter(({ code }) => PASSING.has(code ?? "")).map(({ id }) => id);
    moved(settled.filter(({ done }) => done).length);
    if (left.length) await pause(AGAIN_MS, signal);
  }
  return settled;
}

export type Archive = Schemas["ArchiveOut"];

export const archive = (scene_ids: string[], format: string): Promise<Archive> =>
  ok(api.POST("/api/v1/scenes/archive", { body: { scene_ids, format } }));

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
