import { type ReactNode, useId } from "react";

import { marks, type Range, stops } from "./depth";

/** Which colour is how far away. */
export function DepthLegend({ range }: { range: Range }): ReactNode {
  const id = useId();
  const shown = marks(range);
  return (
    <div
      role="img"
      aria-label={`Colours of depth: from ${shown[0]}, bright, to ${shown.at(-1)}, dark`}
      className="pointer-events-none absolute top-3 left-3 flex gap-2 rounded-xl bg-black/60 p-2.5 text-xs text-white"
    >
      <svg viewBox="0 0 1 10" preserveAspectRatio="none" className="h-28 w-3 rounded-sm" aria-hidden="true">
        <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
          {stops().map(({ offset, colour }) => (
            <stop key={offset} offset={offset} stopColor={colour} />
          ))}
        </linearGradient>
        <rect width="1" height="10" fill={`url(#${id})`} />
      </svg>
      <ul className="flex flex-col justify-between tabular-nums" aria-hidden="true">
        {shown.map((mark, index) => (
          <li key={index}>{mark}</li>
        ))}
      </ul>
    </div>
  );
}
