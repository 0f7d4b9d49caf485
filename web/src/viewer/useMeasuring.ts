import { type KeyboardEvent, type RefObject, useState } from "react";

import { distance, type Point } from "./measure";
import type { Player } from "./player";

export type Measure = { id: number; from: Point; to: Point; metres: number };
type Spot = { x: number; y: number };
export type Measuring = {
  on: boolean;
  toggle: () => void;
  /** The crosshair that keys move, in parts of the view. */
  cross: Spot;
  /** The first point of a measure that is not whole yet. */
  first: Point | null;
  list: readonly Measure[];
  /** What the last try came to, where it came to nothing. */
  miss: string | null;
  pick: (at: Spot) => void;
  key: (event: KeyboardEvent) => boolean;
  remove: (id: number) => void;
  clear: () => void;
};

const MIDDLE: Spot = { x: 0.5, y: 0.5 };
const STEP = 0.02;
const FINE = 0.2;
const KEYS: Record<string, Spot> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

/** Measuring from point to point: two clicks, or a crosshair that the arrow keys move, and Enter. */
export function useMeasuring(player: RefObject<Player | null>): Measuring {
  const [on, setOn] = useState(false);
  const [cross, setCross] = useState(MIDDLE);
  const [first, setFirst] = useState<Point | null>(null);
  const [list, setList] = useState<readonly Measure[]>([]);
  const [miss, setMiss] = useState<string | null>(null);

  const pick = ({ x, y }: Spot) => {
    const found = player.current?.stage.pick(x, y) ?? null;
    setMiss(found ? null : "There is nothing to measure at that point. Choose one on a surface.");
    if (!found) return;
    if (first) {
      const id = (list.at(-1)?.id ?? 0) + 1;
      setList([...list, { id, from: first, to: found, metres: distance(first, found) }]);
      setFirst(null);
    } else setFirst(found);
    player.current?.draw(); // the marks come with the next frame
  };
  const toggle = () => {
    setOn(!on);
    setFirst(null);
    setMiss(null);
    setCross(MIDDLE);
    player.current?.steady(!on);
  };
  const key = ({ key: name, shiftKey }: KeyboardEvent) => {
    const step = KEYS[name];
    const size = shiftKey ? FINE : 1;
    const inside = (part: number) => Math.min(1, Math.max(0, part));
    if (step) setCross({ x: inside(cross.x + step.x * size), y: inside(cross.y + step.y * size) });
    else if (name === "Enter" || name === " ") pick(cross);
    else if (name === "Escape" && first) setFirst(null);
    else if (name === "Escape") toggle();
    else return false;
    return true;
  };
  const remove = (id: number) => setList(list.filter((each) => each.id !== id));
  const clear = () => {
    setList([]);
    setFirst(null);
    setMiss(null);
  };
  return { on, toggle, cross, first, list, miss, pick, key, remove, clear };
}
