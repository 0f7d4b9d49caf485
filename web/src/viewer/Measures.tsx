import { type ReactNode, type RefObject, useEffect, useState } from "react";

import { Button, IconButton } from "../ui/Button";
import { caution, length, measured, type Point, type Scale } from "./measure";
import type { Player } from "./player";
import type { Measuring } from "./useMeasuring";

type Spot = { x: number; y: number };
const percent = (part: number): string => `${(part * 100).toFixed(3)}%`;

/** The measures drawn over the scene, which follow it as the camera moves, and the crosshair. */
export function Marks({
  measuring: { cross, first, list },
  player,
}: {
  measuring: Measuring;
  player: RefObject<Player | null>;
}): ReactNode {
  const [seen, setSeen] = useState<Spot[]>([]);
  useEffect(() => {
    const moved = player.current;
    const points: Point[] = [...list.flatMap(({ from, to }) => [from, to]), ...(first ? [first] : [])];
    const off = moved?.watch(() => setSeen(points.map((point) => moved.stage.project(point))));
    moved?.draw();
    return off;
  }, [list, first, player]);
  return (
    <svg aria-hidden="true" data-marks={seen.length} className="pointer-events-none absolute inset-0 size-full">
      <g stroke="black" strokeWidth="4" opacity="0.55">
        <Cross at={cross} />
      </g>
      <g stroke="white" strokeWidth="1.5">
        <Cross at={cross} />
      </g>
      {list.map(({ id, metres }, index) => {
        const [from, to] = [seen[2 * index], seen[2 * index + 1]];
        if (!from || !to) return null;
        const ends = { x1: percent(from.x), y1: percent(from.y), x2: percent(to.x), y2: percent(to.y) };
        return (
          <g key={id}>
            <line {...ends} stroke="black" strokeWidth="5" opacity="0.5" />
            <line {...ends} stroke="white" strokeWidth="2" />
            <text
              x={percent((from.x + to.x) / 2)}
              y={percent((from.y + to.y) / 2)}
              dy="-8"
              textAnchor="middle"
              className="fill-white stroke-black text-sm font-semibold [paint-order:stroke] [stroke-width:4px]"
            >
              {length(metres)}
            </text>
          </g>
        );
      })}
      {seen.map(({ x, y }, index) => (
        <circle key={index} cx={percent(x)} cy={percent(y)} r="5" fill="white" stroke="black" strokeWidth="2" />
      ))}
    </svg>
  );
}

function Cross({ at: { x, y } }: { at: Spot }): ReactNode {
  return (
    <svg x={percent(x)} y={percent(y)} overflow="visible">
      <path d="M-14 0H-4M4 0H14M0 -14V-4M0 4V14" />
    </svg>
  );
}

/** What was measured, in words, and how sure that is. */
export function Measured({ measuring, scale }: { measuring: Measuring; scale: Scale }): ReactNode {
  const { first, list, miss, remove, clear } = measuring;
  return (
    <section
      aria-label="Measures"
      className="mx-auto grid w-full max-w-xl gap-3 rounded-2xl bg-wash px-4 py-3.5 text-sm"
    >
      <p role="status">
        {miss ??
          (first
            ? "Now the other end."
            : list.length
              ? `${measured(list.at(-1)?.metres ?? 0, scale)}.`
              : "Click one end of what to measure, then the other. By keyboard: arrow keys, with Shift for small steps, and Enter.")}
      </p>
      {list.length > 0 && (
        <>
          <ol className="grid gap-1">
            {list.map(({ id, metres }, index) => (
              <li key={id} className="flex items-center justify-between gap-3">
                <span className="tabular-nums">
                  {index + 1}. {measured(metres, scale)}
                </span>
                <IconButton
                  icon="close"
                  label={`Remove measure ${index + 1}`}
                  onClick={() => remove(id)}
                  className="-my-1 text-soft hover:bg-card"
                />
              </li>
            ))}
          </ol>
          <div>
            <Button small icon="trash" onClick={clear}>
              Clear
            </Button>
          </div>
        </>
      )}
      <p className="text-soft">{caution(scale)}</p>
    </section>
  );
}
