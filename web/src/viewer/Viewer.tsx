import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

import { many } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Progress, Trouble } from "../ui/states";
import { Compare } from "./Compare";
import type { Frame } from "./frame";
import type { Quality } from "./stage";
import { useSplat } from "./useSplat";

type Props = { name: string; url: string; frame: Frame; photo: string | null; preview: string | null };

const DARK = "bg-black/45 text-white backdrop-blur-md hover:bg-black/65 aria-pressed:bg-white aria-pressed:text-black";
const KEPT = "sharpstream.quality";

/** A splat that can be looked into: by mouse, by touch and by keys, within what the photo can show. */
export function Viewer({ name, url, frame, photo, preview }: Props): ReactNode {
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [quality, setQuality] = useState<Quality>(() => (localStorage.getItem(KEPT) === "light" ? "light" : "fine"));
  const [comparing, setComparing] = useState(false);
  const { state, player } = useSplat(view, canvas, url, frame, quality);
  const [full, toggleFull] = useFullScreen(view);
  const help = useId();

  const compare = () => {
    player.current?.home();
    setComparing(!comparing);
  };
  const better = (next: Quality) => {
    localStorage.setItem(KEPT, next);
    setQuality(next);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey || comparing) return;
    if (event.key === "f") toggleFull();
    else if (!player.current?.key(event.key)) return;
    event.preventDefault();
  };

  return (
    <figure className="grid gap-3">
      <div
        ref={view}
        data-viewer={state.kind}
        className={`group relative mx-auto w-full overflow-hidden bg-stage select-none ${full ? "" : "rounded-3xl shadow-lift"}`}
        style={{
          aspectRatio: `${frame.width} / ${frame.height}`,
          maxWidth: full ? "none" : `calc(min(76vh, 46rem) * ${frame.width / frame.height})`,
        }}
      >
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={`${name} in 3D`}
          aria-describedby={help}
          onKeyDown={keys}
          className="block size-full cursor-grab touch-pan-y outline-offset-[-4px] active:cursor-grabbing"
        />
        {state.kind === "loading" && <Loading fraction={state.fraction} backdrop={preview ?? photo} />}
        {state.kind === "failed" && (
          <div className="absolute inset-0 grid place-items-center p-6">
            <Trouble error={state.error} />
          </div>
        )}
        {comparing && photo && state.kind === "ready" && <Compare photo={photo} frame={frame} />}
        {state.kind === "ready" && (
          <div className="absolute right-3 bottom-3 flex gap-1.5">
            {photo && (
              <IconButton
                icon="compare"
                label="Compare with the photo"
                aria-pressed={comparing}
                onClick={compare}
                className={DARK}
              />
            )}
            <IconButton
              icon="reset"
              label="Back to the photo's view"
              onClick={() => player.current?.home()}
              className={DARK}
            />
            <IconButton
              icon="spark"
              label={quality === "fine" ? "Fine quality: switch to light" : "Light quality: switch to fine"}
              aria-pressed={quality === "fine"}
              onClick={() => better(quality === "fine" ? "light" : "fine")}
              className={DARK}
            />
            <IconButton
              icon={full ? "shrink" : "expand"}
              label={full ? "Leave full screen" : "Full screen"}
              onClick={toggleFull}
              className={DARK}
            />
          </div>
        )}
      </div>
      <figcaption id={help} className="text-center text-sm text-soft">
        {state.kind === "ready" && `${many(state.count)} Gaussians. `}
        Drag or use the arrow keys to look around, + and − to come nearer, 0 for the photo’s view, F for full screen.
      </figcaption>
    </figure>
  );
}

function Loading({ fraction, backdrop }: { fraction: number; backdrop: string | null }): ReactNode {
  return (
    <div className="absolute inset-0 grid place-items-end overflow-hidden">
      {backdrop && (
        <img src={backdrop} alt="" className="absolute inset-0 size-full scale-105 object-cover opacity-50 blur-lg" />
      )}
      <div className="relative w-full p-5 text-sm text-white">
        <p className="pb-2 text-shadow-md">{fraction < 1 ? "Fetching the scene" : "Opening the scene"}</p>
        <Progress value={fraction} label="Fetching the scene" />
      </div>
    </div>
  );
}

function useFullScreen(view: React.RefObject<HTMLElement | null>): [boolean, () => void] {
  const [full, setFull] = useState(false);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null && document.fullscreenElement === view.current);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, [view]);
  const toggle = () =>
    void (document.fullscreenElement ? document.exitFullscreen() : view.current?.requestFullscreen?.());
  return [full, toggle];
}
