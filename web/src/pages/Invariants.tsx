import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { invariants } from "../api/admin";
import { ago } from "../lib/words";
import { Badge, Rows, Trouble } from "../ui/states";

/** The rules that must always hold, and whether they do. */
export function Invariants(): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["invariants"], queryFn: invariants });
  if (error) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return <Rows />;
  return (
    <div className="grid gap-4">
      <p className="text-soft">
        {data.holds ? "Every rule holds." : "Some rules do not hold."} Checked {ago(data.checked_at)}.
      </p>
      <ul aria-label="Rules" className="grid gap-2">
        {data.rules.map(({ rule, holds, count, remedy }) => (
          <li key={rule} className="grid gap-1 rounded-2xl border border-line bg-card px-5 py-3">
            <p className="flex items-center justify-between gap-3">
              <span>{rule.replaceAll("_", " ")}</span>
              <Badge tone={holds ? "good" : "bad"}>{holds ? "holds" : `${count} exceptions`}</Badge>
            </p>
            {remedy && <p className="text-sm text-soft">{remedy}</p>}
          </li>
        ))}
      </ul>
    </div>
  );
}
