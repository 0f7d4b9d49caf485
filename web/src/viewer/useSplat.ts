import { type RefObject, useEffect, useRef, useState } from "react";

import { fetchObject } from "../api/store";
import type { Frame } from "./frame";
import { Player } from "./player";
import type { Quality } from "./stage";

export type SplatState =
  { kind: "loading"; fraction: number } | { kind: "ready"; count: number } | { kind: "failed"; error: unknown };

/** Fetch the splat and show it in `view`'s canvas; tells how far that is, and hands over what moves the camera. */
export function useSplat(
  view: RefObject<HTMLElement | null>,
  canvas: RefObject<HTMLCanvasElement | null>,
  url: string,
  frame: Frame,
  quality: Quality,
): { state: SplatState; player: RefObject<Player | null> } {
  const [state, setState] = useState<SplatState>({ kind: "loading", fraction: 0 });
  const player = useRef<Player | null>(null);
  const wanted = useRef(quality);
  const { width, height, focal } = frame;

  useEffect(() => {
    const stop = new AbortController();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const show = async () => {
      setState({ kind: "loading", fraction: 0 });
      const [bytes, { Stage }] = await Promise.all([
        fetchObject(url, (fraction) => setState({ kind: "loading", fraction }), stop.signal),
        import("./stage"),
      ]);
      if (stop.signal.aborted || !canvas.current || !view.current) return;
      const stage = await Stage.open(canvas.current, bytes, { width, height, focal }, () => player.current?.draw());
      if (stop.signal.aborted || !view.current || !canvas.current) return stage.close();
      const made = new Player(stage, view.current, canvas.current, still);
      player.current = made;
      made.setQuality(wanted.current);
      let shown = false;
      made.onFrame = () => {
        if (shown) return;
        shown = true;
        setState({ kind: "ready", count: stage.count });
        made.greet();
      };
      made.draw();
    };
    show().catch((error: unknown) => stop.signal.aborted || setState({ kind: "failed", error }));
    return () => {
      stop.abort();
      player.current?.close();
      player.current = null;
    };
  }, [url, width, height, focal, view, canvas]);

  useEffect(() => {
    wanted.current = quality;
    player.current?.setQuality(quality);
  }, [quality]);
  return { state, player };
}
