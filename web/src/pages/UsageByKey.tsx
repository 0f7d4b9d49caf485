import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { keys } from "../api/keys";
import { type KeyTotals, usageByKey } from "../api/usage";
import { csv, saveCsv } from "../lib/csv";
import { TITLES } from "../lib/tally";
import { many } from "../lib/words";
import { Button } from "../ui/Button";
import { Card } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";

const HERE = "Signed in, without a key";

/** Who did what: each API key, and what was done while signed in. */
export function UsageByKey({ days }: { days: number }): ReactNode {
  const found = useQuery({ queryKey: ["usage by key", days], queryFn: () => usageByKey(days) });
  const named = useQuery({ queryKey: ["keys"], queryFn: keys });
  const nameOf = (id: string | null) =>
    id === null ? HERE : (named.data?.find((key) => key.id === id)?.name ?? `Key ${id.slice(0, 8)}`);
  const error = found.error ?? named.error;
  const { kinds, rows } = table(found.data ?? []);
  return (
    <Card
      title="By key"
      aside={
        rows.length > 0 && (
          <Button small icon="download" onClick={() => save(found.data ?? [], nameOf)}>
            CSV by key
          </Button>
        )
      }
    >
      {error && <Trouble error={error} retry={() => void Promise.all([found.refetch(), named.refetch()])} />}
      {found.isPending && <Rows count={1} />}
      {found.data && !rows.length && <p className="text-soft">No key was used, and nothing done while signed in.</p>}
      {rows.length > 0 && (
        <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Usage by key">
          <table className="w-full text-left text-sm tabular-nums">
            <thead>
              <tr className="text-soft">
                <th className="py-1 font-medium">Key</th>
                {kinds.map((kind) => (
                  <th key={kind} className="py-1 pl-4 text-right font-medium">
                    {TITLES[kind] ?? kind.replaceAll("_", " ")}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ id, counts }) => (
                <tr key={id ?? ""} className="border-t border-line">
                  <td className="py-1.5 wrap-anywhere">{nameOf(id)}</td>
                  {kinds.map((kind) => (
                    <td key={kind} className="py-1.5 pl-4 text-right">
                      {many(counts[kind] ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

type Row = { id: string | null; counts: Record<string, number> };

function table(totals: KeyTotals): { kinds: string[]; rows: Row[] } {
  const rows = new Map<string | null, Row>();
  for (const { api_key_id: id, event_type, count } of totals) {
    const row = rows.get(id) ?? { id, counts: {} };
    row.counts[event_type] = (row.counts[event_type] ?? 0) + count;
    rows.set(id, row);
  }
  return { kinds: [...new Set(totals.map(({ event_type }) => event_type))].toSorted(), rows: [...rows.values()] };
}

function save(totals: KeyTotals, nameOf: (id: string | null) => string): void {
  const rows = totals.map((each) => [each.day, nameOf(each.api_key_id), each.api_key_id, each.event_type, each.count]);
  saveCsv("sharpstream-usage-by-key.csv", csv(["day", "key", "key_id", "kind", "count"], rows));
}
