import { type ReactNode, useEffect, useRef } from "react";

import { draw, scatter } from "../lib/dunes";

/** A landscape of soft discs that leans with the mouse: what a splat is, before there is one to show. */
export function Dunes(): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const splats = scatter(7);
    let [goal, lean, waiting] = [0, 0, 0];
    const frame = () => {
      waiting = 0;
      lean += (goal - lean) * 0.12;
      draw(context, splats, element.width, element.height, lean);
      if (Math.abs(goal - lean) > 1e-3) ask();
    };
    const ask = () => {
      waiting ||= requestAnimationFrame(frame);
    };
    const sized = new ResizeObserver(() => {
      element.width = element.clientWidth * Math.min(devicePixelRatio, 1.5);
      element.height = element.clientHeight * Math.min(devicePixelRatio, 1.5);
      ask();
    });
    sized.observe(element);
    const move = (event: PointerEvent) => {
      goal = event.clientX / innerWidth - 0.5;
      ask();
    };
    if (!still) addEventListener("pointermove", move);
    return () => {
      cancelAnimationFrame(waiting);
      sized.disconnect();
      removeEventListener("pointermove", move);
    };
  }, []);
  return <canvas ref={canvas} aria-hidden="true" className="absolute inset-0 size-full" />;
}
