/** What hands do: dragging, pinching, hovering and keys become movements of the camera. */
import type { Place } from "./motion";
import { ownerOf } from "./wheel";

/** Parts of the reach, not metres: what is far away allows longer ways. */
export type Moves = {
  by: (move: Partial<Place>) => void;
  lean: (to: Partial<Place>) => void;
  home: () => void;
};

const STEP = 0.16;
const DRAG = 2.4;
/** A drag over the whole width goes from one side to the other and a little more. */
const LEAN = 0.3;

const KEYS: Record<string, Partial<Place>> = {
  ArrowLeft: { right: -STEP },
  ArrowRight: { right: STEP },
  ArrowUp: { up: STEP },
  ArrowDown: { up: -STEP },
  "+": { forward: STEP },
  "=": { forward: STEP },
  "-": { forward: -STEP },
};

/** Return whether the key meant something. */
export function press(key: string, moves: Moves): boolean {
  const move = KEYS[key];
  if (move) moves.by(move);
  else if (key === "Home" || key === "0") moves.home();
  else return false;
  return true;
}

/** Listen to pointers on `element`; returns how to stop. `still`: no leaning after the mouse. */
export function listen(element: HTMLElement, moves: Moves, still: () => boolean): () => void {
  const down = new Map<number, { x: number; y: number }>();
  const off = new AbortController();
  const owner = ownerOf(element, off.signal);
  const on = <K extends keyof HTMLElementEventMap>(kind: K, act: (event: HTMLElementEventMap[K]) => void) =>
    element.addEventListener(kind, act, { signal: off.signal, passive: false });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  on("pointermove", (event) => {
    const before = down.get(event.pointerId);
    const { width, height, left, top } = element.getBoundingClientRect();
    if (!before) {
      if (event.pointerType !== "mouse" || still()) return;
      const x = (event.clientX - left) / width - 0.5;
      const y = (event.clientY - top) / height - 0.5;
      moves.lean({ right: x * 2 * LEAN, up: -y * 2 * LEAN });
      return;
    }
    const at = { x: event.clientX, y: event.clientY };
    const spread = pinch(down, event.pointerId, at);
    down.set(event.pointerId, at);
    if (spread !== null) moves.by({ forward: (spread / width) * DRAG });
    else moves.by({ right: (-(at.x - before.x) / width) * DRAG, up: ((at.y - before.y) / width) * DRAG });
  });
  const lift = (event: PointerEvent) => down.delete(event.pointerId);
  on("pointerup", lift);
  on("pointercancel", lift);
  on("pointerleave", () => moves.lean({}));
  on("wheel", (event) => {
    if (!owner.zooms(event.timeStamp, event, document.fullscreenElement !== null)) return;
    event.preventDefault();
    moves.by({ forward: -event.deltaY / 600 });
  });
  on("dblclick", () => moves.home());
  return () => off.abort();
}

/** How much two fingers went apart, in pixels; null with one finger. */
function pinch(down: Map<number, { x: number; y: number }>, id: number, at: { x: number; y: number }): number | null {
  const other = [...down].find(([each]) => each !== id)?.[1];
  const before = down.get(id);
  if (!other || !before) return null;
  return Math.hypot(at.x - other.x, at.y - other.y) - Math.hypot(before.x - other.x, before.y - other.y);
}
