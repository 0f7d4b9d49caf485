import { type ReactNode, useEffect, useId, useRef, useState } from "react";

import type { Export } from "../api/exports";
import { fetchObject } from "../api/store";
import { many } from "../lib/words";
import { Progress, Trouble } from "../ui/states";
import type { MeshScene } from "./meshScene";

type State =
  { kind: "loading"; fraction: number } | { kind: "ready"; count: number } | { kind: "failed"; error: unknown };

/** A mesh that was exported, to be looked at from all sides: by mouse, by touch and by keys. */
export function MeshViewer({ made, name }: { made: Export; name: string }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = useRef<MeshScene | null>(null);
  const [state, setState] = useState<State>({ kind: "loading", fraction: 0 });
  const [attempt, setAttempt] = useState(0);
  const help = useId();
  const { export_file_url: url, export_format: format } = made;
  const [first] = useState(url); // another look at the list signs it anew: that is no reason to fetch it again
  useEffect(() => {
    const stop = new AbortController();
    const show = async () => {
      const progress = (fraction: number) => stop.signal.aborted || setState({ kind: "loading", fraction });
      progress(0);
      const [bytes, { openMesh }] = await Promise.all([
        fetchObject(first ?? "", progress, stop.signal),
        import("./meshScene"),
      ]);
      if (stop.signal.aborted || !canvas.current) return;
      const opened = await openMesh(canvas.current, bytes, format);
      if (stop.signal.aborted) return opened.close();
      shown.current = opened;
      setState({ kind: "ready", count: opened.triangles });
    };
    show().catch((error: unknown) => stop.signal.aborted || setState({ kind: "failed", error }));
    return () => {
      stop.abort();
      shown.current?.close();
      shown.current = null;
    };
  }, [first, format, attempt]);
  return (
    <figure className="grid gap-3">
      <div data-mesh={state.kind} className="relative aspect-4/3 overflow-hidden rounded-3xl bg-stage">
        <canvas
          key={attempt} // a context that was never made does not come to the same canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={`The mesh of ${name} in 3D`}
          aria-describedby={help}
          onKeyDown={(event) => shown.current?.key(event.key) && event.preventDefault()}
          className="block size-full cursor-grab touch-none outline-offset-[-4px] active:cursor-grabbing"
        />
        {state.kind === "loading" && (
          <div className="absolute inset-x-0 bottom-0 p-5 text-sm text-white">
            <p className="pb-2">Fetching the mesh</p>
            <Progress value={state.fraction} label="Fetching the mesh" />
          </div>
        )}
      </div>
      {state.kind === "failed" && <Trouble error={state.error} retry={() => setAttempt(attempt + 1)} />}
      <figcaption id={help} className="text-center text-sm text-soft">
        {state.kind === "ready" && `${many(Math.round(state.count))} triangles. `}
        Drag or use the arrow keys to turn it, + and − to come nearer, 0 for the first view.
      </figcaption>
    </figure>
  );
}
