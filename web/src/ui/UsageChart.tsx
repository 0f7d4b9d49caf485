import type { ReactNode } from "react";

import { byDay, byKind, ceiling, type Day, TITLES, type Total } from "../lib/tally";
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
            <dd className="text-2xl font-semibold tabular-nums">{sum.toLocaleString()}</dd>
          </div>
        ))}
      </dl>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 26}`} aria-hidden="true" className="w-full">
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={0} x2={WIDTH} y1={HEIGHT * (1 - share) + 1} y2={HEIGHT * (1 - share) + 1} stroke="var(--line)" />
            {share > 0 && (
              <text x={0} y={HEIGHT * (1 - share) + 14} fontSize={11} fill="var(--soft)">
                {top * share}
              </text>
            )}
          </g>
        ))}
        {shown.map((day, index) => (
          <Bar key={day.day} day={day} at={index} of={shown.length} top={top} kinds={kinds.map(([kind]) => kind)} />
        ))}
        <text x={0} y={HEIGHT + 20} fontSize={12} fill="var(--soft)">
          {shown[0]?.day}
        </text>
        <text x={WIDTH} y={HEIGHT + 20} fontSize={12} fill="var(--soft)" textAnchor="end">
          {shown.at(-1)?.day}
        </text>
      </svg>
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
  let below = 0;
  return kinds.map((kind, index) => {
    const height = ((day.counts[kind] ?? 0) / top) * HEIGHT;
    below += height;
    return (
      <rect
        key={kind}
        x={at * step + (step - width) / 2}
        y={HEIGHT - below}
        width={width}
        height={height}
        rx={Math.min(3, height / 2)}
        fill={tone(index)}
      />
    );
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
