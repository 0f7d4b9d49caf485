import { type ReactNode, useState } from "react";

import type { Frame } from "./frame";

/** The photo laid over the scene's own view of it, with an edge to move. `onBroken`: the browser cannot show it. */
export function Compare({ photo, frame, onBroken }: { photo: string; frame: Frame; onBroken: () => void }): ReactNode {
  const [edge, setEdge] = useState(50);
  const ratio = frame.width / frame.height; // in full screen the view is of another shape
  return (
    <div className="absolute inset-0 grid place-items-center [container-type:size]">
      <div className="relative" style={{ aspectRatio: ratio, width: `min(100cqw, calc(100cqh * ${ratio}))` }}>
        <img
          src={photo}
          alt="The photo"
          onError={onBroken}
          className="absolute inset-0 size-full"
          style={{ clipPath: `inset(0 ${100 - edge}% 0 0)` }}
        />
        <span className="absolute top-3 left-3 rounded-full bg-black/55 px-3 py-1 text-xs text-white">Photo</span>
        <span className="absolute top-3 right-3 rounded-full bg-black/55 px-3 py-1 text-xs text-white">Scene</span>
        {/* Transparent and as high as the photo: the edge is dragged wherever it is taken. */}
        <input
          type="range"
          min={0}
          max={100}
          value={edge}
          aria-label="How much of the photo is shown"
          onChange={(event) => setEdge(Number(event.target.value))}
          className="peer absolute inset-0 m-0 size-full cursor-ew-resize touch-pan-y appearance-none opacity-0"
        />
        <span
          className="pointer-events-none absolute inset-y-0 grid w-0.5 -translate-x-1/2 place-items-center bg-white shadow peer-focus-visible:bg-accent"
          style={{ left: `${edge}%` }}
        >
          <span className="size-9 rounded-full border-2 border-white bg-black/45 ring-accent [.peer:focus-visible~*_&]:ring-4" />
        </span>
      </div>
    </div>
  );
}
