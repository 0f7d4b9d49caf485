import { type RefObject, useEffect, useRef, useState } from "react";

import { ApiError } from "../api/problem";
import { fetchObject } from "../api/store";
import { mostGaussians, type Quality, thisDevice } from "./detail";
import type { Frame } from "./frame";
import { HOME, type Place } from "./motion";
import { Player } from "./player";
import type { Stage } from "./stage";

export type SplatState =
  { kind: "loading"; fraction: number } | { kind: "ready"; count: number } | { kind: "failed"; error: unknown };
/** `attempt` counts the tries: another number tries again. `start`: from where the scene is seen at first. */
export type Wanted = { url: string; frame: Frame; start: Place | null; quality: Quality; attempt: number };

/** The code of a viewer whose files are gone, as after an update of the service: only a reload brings the new ones. */
export const OUTDATED = "viewer_outdated";

/** Fetch the splat and show it in `view`'s canvas; says how far that is, and hands over what moves the camera. */
export function useSplat(
  view: RefObject<HTMLElement | null>,
  canvas: RefObject<HTMLCanvasElement | null>,
  { url, frame, start, quality, attempt }: Wanted,
): { state: SplatState; player: RefObject<Player | null> } {
  const [state, setState] = useState<SplatState>({ kind: "loading", fraction: 0 });
  const player = useRef<Player | null>(null);
  const wanted = useRef({ quality, start });
  const { width, height, focal } = frame;

  useEffect(() => {
    const stop = new AbortController();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const show = async () => {
      const progress = (fraction: number) => stop.signal.aborted || setState({ kind: "loading", fraction });
      progress(0);
      const [bytes, stages] = await Promise.all([fetchObject(url, progress, stop.signal), stageModule()]);
      progress(1);
      if (stop.signal.aborted || !canvas.current || !view.current) return;
      const stage = await stages.open(canvas.current, bytes, { width, height, focal }, () => player.current?.draw());
      if (stop.signal.aborted || !view.current || !canvas.current) return stage.close();
      const made = new Player(stage, view.current, canvas.current, still, wanted.current.start ?? HOME);
      player.current = made;
      made.setQuality(wanted.current.quality);
      let shown = false;
      made.onFrame = () => {
        if (shown) return;
        shown = true;
        setState({ kind: "ready", count: stage.count });
        made.greet();
        detail(made, wanted.current.quality);
      };
      made.draw();
    };
    show().catch((error: unknown) => {
      if (stop.signal.aborted) return;
      stop.abort(); // else what is still being fetched would say that it is loading
      setState({ kind: "failed", error });
    });
    return () => {
      stop.abort();
      player.current?.close();
      player.current = null;
    };
  }, [url, width, height, focal, attempt, view, canvas]);

  useEffect(() => {
    wanted.current = { ...wanted.current, quality };
    if (!player.current) return;
    player.current.setQuality(quality);
    detail(player.current, quality);
  }, [quality]);
  useEffect(() => {
    wanted.current = { ...wanted.current, start }; // another one moves no camera that is in somebody's hands
  }, [start]);
  return { state, player };
}

/** Draw as many Gaussians as the device can, after the first picture: the tree takes seconds for a million. */
function detail(player: Player, quality: Quality): void {
  const most = mostGaussians(quality, thisDevice());
  player.stage.limit(most).then(
    () => player.draw(),
    () => undefined, // then all of them are drawn, only slower
  );
}

async function stageModule(): Promise<typeof Stage> {
  try {
    return (await import("./stage")).Stage;
  } catch {
    const words = "The viewer could not be loaded, as after an update of the service. Reload the page.";
    throw new ApiError(OUTDATED, words);
  }
}
