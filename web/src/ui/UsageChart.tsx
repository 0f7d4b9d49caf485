import type { ReactNode } from "react";

import { byDay, byKind, ceiling, type Day, TITLES, type Total } from "../lib/tally";
import { many } from "../lib/words";
import { Empty } from "./states";

const TONES = ["#2f98a5", "#e2903f", "#8f7ccf", "#8d9299", "#5c9c6e"];
const WIDTH = 720;
const HEIGHT = 220;

/** Bars of days, in colours of kinds; the same as a table for those who listen. */
export function UsageChart({ totals, days }: { totals: Total[]; days: number }): ReactNode {
  const shown = byDay(totals, days);
  const kinds = byKind(shown);
  if (!kinds.length) {
    return (
      <Empty icon="chart" title="Nothing was used in this time">
        Scenes and exports are counted here on the day that they are asked for.
      </Empty>
    );
  }
  const top = ceiling(Math.max(...shown.map(({ sum }) => sum)));
  return (
    <figure className="grid gap-5 rounded-3xl border border-line bg-card p-5 sm:p-6">
      <dl className="flex flex-wrap gap-x-8 gap-y-3">
        {kinds.map(([kind, sum], index) => (
          <div key={kind} className="grid">
            <dt className="flex items-center gap-2 text-sm text-soft">
              <span aria-hidden="true" className="size-2.5 rounded-full" style={{ background: tone(index) }} />
              {TITLES[kind] ?? kind.replaceAll("_", " ")}
            </dt>
            <dd className="text-2xl font-semibold tabular-nums">{many(sum)}</dd>
          </div>
        ))}
      </dl>
      <div aria-hidden="true" className="grid gap-1.5">
        <div className="relative">
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="block h-44 w-full sm:h-56">
            {[0, 0.5, 1].map((share) => (
              <line
                key={share}
                x1={0}
                x2={WIDTH}
                y1={HEIGHT * (1 - share)}
                y2={HEIGHT * (1 - share)}
                stroke="var(--line)"
              />
            ))}
            {shown.map((day, index) => (
              <Bar key={day.day} day={day} at={index} of={shown.length} top={top} kinds={kinds.map(([kind]) => kind)} />
            ))}
          </svg>
          <span className="absolute top-0.5 left-0 text-xs text-soft">{top}</span>
          <span className="absolute top-1/2 left-0 text-xs text-soft">{top / 2}</span>
        </div>
        <div className="flex justify-between text-xs text-soft">
          <span>{shown[0]?.day}</span>
          <span>{shown.at(-1)?.day}</span>
        </div>
      </div>
      <Table days={shown} kinds={kinds.map(([kind]) => kind)} />
    </figure>
  );
}

const tone = (index: number): string => TONES[index % TONES.length] ?? "#888";

function Bar({
  day,
  at,
  of,
  top,
  kinds,
}: {
  day: Day;
  at: number;
  of: number;
  top: number;
  kinds: string[];
}): ReactNode {
  const step = WIDTH / of;
  const width = Math.min(step * 0.7, 30);
  const said = kinds.map((kind) => `${TITLES[kind] ?? kind}: ${day.counts[kind] ?? 0}`).join(", ");
  return (
    <g>
      <title>{`${day.day}: ${said}`}</title>
      <rect x={at * step} y={0} width={step} height={HEIGHT} fill="transparent" />
      {stacked(day, kinds, top).map(({ kind, y, height }, index) => (
        <rect key={kind} x={at * step + (step - width) / 2} y={y} width={width} height={height} fill={tone(index)} />
      ))}
    </g>
  );
}

/** Return where the part of each kind stands: one on the other. */
function stacked(day: Day, kinds: string[], top: number): { kind: string; y: number; height: number }[] {
  let y = HEIGHT;
  return kinds.map((kind) => {
    const height = ((day.counts[kind] ?? 0) / top) * HEIGHT;
    y -= height;
    return { kind, y, height };
  });
}

function Table({ days, kinds }: { days: Day[]; kinds: string[] }): ReactNode {
  return (
    <details className="text-sm">
      <summary className="w-fit rounded text-soft">As a table</summary>
      <table className="mt-3 w-full text-left tabular-nums">
        <thead>
          <tr>
            <th className="py-1 font-medium">Day</th>
            {kinds.map((kind) => (
              <th key={kind} className="py-1 text-right font-medium">
                {TITLES[kind] ?? kind}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days
            .filter(({ sum }) => sum > 0)
            .map(({ day, counts }) => (
              <tr key={day} className="border-t border-line">
                <td className="py-1">{day}</td>
                {kinds.map((kind) => (
                  <td key={kind} className="py-1 text-right">
                    {counts[kind] ?? 0}
                  </td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
    </details>
  );
}
