import { type ReactNode, useState } from "react";

import type { Frame } from "./frame";

/** The photo laid over the scene's own view of it, with an edge to move. */
export function Compare({ photo, frame }: { photo: string; frame: Frame }): ReactNode {
  const [edge, setEdge] = useState(50);
  const ratio = frame.width / frame.height; // in full screen the view is of another shape
  return (
    <div className="absolute inset-0">
      <div className="pointer-events-none absolute inset-0 grid place-items-center [container-type:size]">
        <div className="relative" style={{ aspectRatio: ratio, width: `min(100cqw, calc(100cqh * ${ratio}))` }}>
          <img
            src={photo}
            alt="The photo"
            className="absolute inset-0 size-full"
            style={{ clipPath: `inset(0 ${100 - edge}% 0 0)` }}
          />
          <span className="absolute top-3 left-3 rounded-full bg-black/55 px-3 py-1 text-xs text-white">Photo</span>
          <span className="absolute top-3 right-3 rounded-full bg-black/55 px-3 py-1 text-xs text-white">Scene</span>
          <span className="absolute inset-y-0 w-0.5 -translate-x-1/2 bg-white shadow" style={{ left: `${edge}%` }} />
        </div>
      </div>
      <input
        type="range"
        min={0}
        max={100}
        value={edge}
        aria-label="How much of the photo is shown"
        onChange={(event) => setEdge(Number(event.target.value))}
        className="absolute inset-x-0 top-1/2 w-full -translate-y-1/2 cursor-ew-resize accent-white"
      />
    </div>
  );
}
