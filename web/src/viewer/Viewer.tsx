import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

import { asApiError } from "../api/problem";
import { many } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Picture } from "../ui/Picture";
import { Progress, Trouble } from "../ui/states";
import { Compare } from "./Compare";
import type { Range } from "./depth";
import { DepthLegend } from "./DepthLegend";
import type { Quality } from "./detail";
import type { Frame } from "./frame";
import type { Scale } from "./measure";
import { Marks } from "./Measures";
import type { Place } from "./motion";
import { Tools } from "./Tools";
import { useFullScreen } from "./useFullScreen";
import { useMeasuring } from "./useMeasuring";
import { OUTDATED, useSplat } from "./useSplat";

type Props = {
  name: string;
  url: string;
  frame: Frame;
  photo: string | null;
  preview: string | null;
  /** From where it is seen at first; null: from where the photo was taken. */
  start?: Place | null;
  /** Where the owner looks: saves another such view. */
  onSaveStart?: (place: Place) => Promise<void>;
  /** How sure its size is. */
  scale?: Scale;
  /** Called before another try: the address may have run out. */
  onRetry?: () => void;
  /** It takes all of the page, as in a frame of another one. */
  fill?: boolean;
};

const DARK = "bg-black/45 text-white backdrop-blur-md hover:bg-black/65 aria-pressed:bg-white aria-pressed:text-black";
const KEPT = "sharpstream.quality";
const HINT_MS = 1_800;
const UNSURE: Scale = { spread: null, guessed: false };
/** A click that moves further is a drag. */
const CLICK_PX = 6;

/** A splat that can be looked into: by mouse, by touch and by keys, within what the photo can show. */
export function Viewer({
  name,
  url,
  frame,
  photo,
  preview,
  start = null,
  onSaveStart,
  scale = UNSURE,
  onRetry,
  fill = false,
}: Props): ReactNode {
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [quality, setQuality] = useState<Quality>(() => (kept() === "light" ? "light" : "fine"));
  const [comparing, setComparing] = useState(false);
  const [unshown, setUnshown] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const { state, player } = useSplat(view, canvas, { url, frame, start, quality, attempt });
  const [depths, setDepths] = useState<Range | null>(null);
  const measuring = useMeasuring(player);
  const pressed = useRef({ x: 0, y: 0 });
  const { full, toggle } = useFullScreen(view);
  const hint = useWheelHint(view);
  const help = useId();
  const comparable = photo !== null && photo !== unshown;

  const compare = () => {
    player.current?.home();
    setComparing(!comparing);
  };
  const better = (next: Quality) => {
    keep(next);
    setQuality(next);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey || comparing) return;
    if (measuring.on && measuring.key(event)) return event.preventDefault();
    if (event.key === "f") toggle();
    else if (event.key === "d" && !fill) depth();
    else if (event.key === "m" && !fill) measuring.toggle();
    else if (!player.current?.key(event.key)) return;
    event.preventDefault();
  };
  const depth = () => {
    const shown = depths ? null : (player.current?.stage.range ?? null);
    player.current?.stage.setDepth(shown !== null);
    player.current?.draw();
    setDepths(shown);
  };
  const clicked = ({ clientX: x, clientY: y, currentTarget }: MouseEvent) => {
    if (!measuring.on || Math.hypot(x - pressed.current.x, y - pressed.current.y) > CLICK_PX) return;
    const box = currentTarget.getBoundingClientRect();
    measuring.pick({ x: (x - box.left) / box.width, y: (y - box.top) / box.height });
  };
  const retry = () => {
    setDepths(null);
    onRetry?.();
    setAttempt(attempt + 1);
  };

  return (
    <figure className={fill ? "h-full" : "grid gap-3"}>
      <div
        ref={view}
        data-viewer={state.kind}
        className={`group mx-auto w-full overflow-hidden bg-stage select-none ${full ? "fixed inset-0 z-50 h-full" : fill ? "relative h-full" : "relative rounded-3xl shadow-lift"}`}
        style={
          full || fill
            ? undefined
            : {
                aspectRatio: `${frame.width} / ${frame.height}`,
                maxWidth: `calc(min(var(--viewer-high), 46rem) * ${frame.width / frame.height})`,
              }
        }
      >
        <canvas
          key={attempt} // a context that was lost or never made does not come back to the same canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={`${name} in 3D`}
          aria-describedby={help}
          onKeyDown={keys}
          onPointerDown={({ clientX: x, clientY: y }) => (pressed.current = { x, y })}
          onClick={clicked}
          className={`block size-full object-contain outline-offset-[-4px] ${measuring.on ? "cursor-crosshair" : "cursor-grab active:cursor-grabbing"} ${full ? "touch-none" : "touch-pan-y"}`}
        />
        {state.kind === "loading" && <Loading fraction={state.fraction} backdrop={[preview, photo]} />}
        {state.kind === "failed" && <Failed error={state.error} backdrop={[preview, photo]} retry={retry} />}
        {state.kind === "ready" && depths && <DepthLegend range={depths} />}
        {state.kind === "ready" && measuring.on && <Marks measuring={measuring} player={player} />}
        {comparing && comparable && state.kind === "ready" && (
          <Compare
            photo={photo}
            frame={frame}
            onBroken={() => {
              setUnshown(photo);
              setComparing(false);
            }}
          />
        )}
        {hint && (
          <p
            role="status"
            className="pointer-events-none absolute inset-0 grid place-items-center bg-black/40 text-lg text-white"
          >
            Click to zoom by the wheel, or turn it with Ctrl
          </p>
        )}
        {state.kind === "ready" && (
          <div className="absolute right-2 bottom-2 flex flex-col gap-1 sm:right-3 sm:bottom-3 sm:flex-row sm:gap-1.5">
            {comparable && (
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
            <button
              type="button"
              title={quality === "fine" ? "HQ: fine quality, switch to light" : "HQ: light quality, switch to fine"}
              aria-label={
                quality === "fine" ? "HQ: fine quality, switch to light" : "HQ: light quality, switch to fine"
              }
              aria-pressed={quality === "fine"}
              onClick={() => better(quality === "fine" ? "light" : "fine")}
              className={`inline-grid size-11 place-items-center rounded-full text-sm font-semibold ${DARK}`}
            >
              HQ
            </button>
            <IconButton
              icon={full ? "shrink" : "expand"}
              label={full ? "Leave full screen" : "Full screen"}
              onClick={toggle}
              className={DARK}
            />
          </div>
        )}
      </div>
      {state.kind === "ready" && !fill && (
        <Tools
          {...{ player, name, frame, start, onSaveStart, scale, measuring }}
          depth={depths !== null}
          onDepth={depth}
        />
      )}
      <figcaption id={help} className={fill ? "sr-only" : "text-center text-sm text-soft"}>
        {state.kind === "ready" && `${many(state.count)} Gaussians. `}
        {unshown !== null && "This browser cannot show the photo itself. "}
        <span className="pointer-coarse:hidden">
          Drag or use the arrow keys to look around, + and − to come nearer, 0 for the photo’s view, F for full screen.
          After a click the wheel zooms; Escape gives it back to the page.
        </span>
        <span className="hidden pointer-coarse:inline">Drag to look around, pinch to come nearer.</span>
      </figcaption>
    </figure>
  );
}

/** In a frame of another page the browser may forbid storage: then nothing is remembered. */
function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(quality: Quality): void {
  try {
    localStorage.setItem(KEPT, quality);
  } catch {
    /* as above */
  }
}

type Backdrop = (string | null)[];

function Loading({ fraction, backdrop }: { fraction: number; backdrop: Backdrop }): ReactNode {
  return (
    <div className="absolute inset-0 grid place-items-end overflow-hidden">
      <Picture
        sources={backdrop}
        alt=""
        className="absolute inset-0 size-full scale-105 object-cover opacity-50 blur-lg"
      />
      <div className="relative w-full p-5 text-sm text-white">
        {fraction < 1 ? (
          <>
            <p className="pb-2 text-shadow-md">Fetching the scene</p>
            <Progress value={fraction} label="Fetching the scene" />
          </>
        ) : (
          <p role="status" className="breathe pb-2 text-shadow-md">
            Opening the scene…
          </p>
        )}
      </div>
    </div>
  );
}

/** The picture stays, with what went wrong over it and a way on. */
function Failed({ error, backdrop, retry }: { error: unknown; backdrop: Backdrop; retry: () => void }): ReactNode {
  const outdated = asApiError(error).code === OUTDATED;
  return (
    <div className="absolute inset-0 grid content-end overflow-hidden">
      <Picture sources={backdrop} alt="The scene, as a picture" className="absolute inset-0 size-full object-cover" />
      <div className="relative max-h-full overflow-auto p-3 sm:p-5">
        <Trouble
          error={error}
          retry={outdated ? () => location.reload() : retry}
          act={outdated ? "Reload the page" : "Try again"}
        />
      </div>
    </div>
  );
}

/** A wheel that scrolled the page although it was turned over the scene: a hint says how it zooms. */
function useWheelHint(view: React.RefObject<HTMLElement | null>): boolean {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    let timer = 0;
    const element = view.current;
    const turned = (event: WheelEvent) => {
      if (event.defaultPrevented) return;
      setShown(true);
      clearTimeout(timer);
      timer = window.setTimeout(() => setShown(false), HINT_MS);
    };
    element?.addEventListener("wheel", turned, { passive: true });
    return () => {
      clearTimeout(timer);
      element?.removeEventListener("wheel", turned);
    };
  }, [view]);
  return shown;
}
