import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Quota } from "../api/quotas";
import { ago, size } from "../lib/words";
import { Card } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";

const WORDS: Record<string, [string, string]> = {
  generations_in_flight: ["Scenes in the making", "free again as they end"],
  exports_in_flight: ["Exports in the making", "free again as they end"],
  stored_bytes: ["Stored", "free again as scenes are deleted"],
  live_streams: ["Live streams", "free again as they are closed"],
  requests: ["Requests", ""],
  exports_begun: ["Exports begun", ""],
};

/** What may be used and what is, with the time at which a rate is whole again. */
export function Quotas({ name, load }: { name: string; load: () => Promise<Quota[]> }): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["quotas", name], queryFn: load });
  return (
    <Card title="Quotas">
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {!data && !error && <Rows />}
      {data && (
        <ul aria-label="Quotas" className="grid gap-x-8 gap-y-5 sm:grid-cols-2">
          {data.map((each) => (
            <One key={each.name} quota={each} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function One({ quota }: { quota: Quota }): ReactNode {
  const [title, ends] = WORDS[quota.name] ?? [quota.name.replaceAll("_", " "), ""];
  const figure = (value: number) => (quota.name === "stored_bytes" ? size(value) : value.toLocaleString("en"));
  const share = Math.min(1, quota.limit ? quota.used / quota.limit : 0);
  const rate = quota.window_seconds ? ` in ${quota.window_seconds} s` : "";
  const when = quota.window_seconds ? (quota.resets_at ? `whole again ${ago(quota.resets_at)}` : "all free now") : ends;
  return (
    <li className="grid content-start gap-1.5">
      <p className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="text-sm font-medium">{title}</span>
        <span className="text-sm tabular-nums">
          {figure(quota.used)} of {figure(quota.limit)}
          {rate}
        </span>
      </p>
      <div aria-hidden="true" className="h-1.5 overflow-hidden rounded-full bg-wash">
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" className="block h-full w-full">
          <rect width={100 * share} height={4} className={share >= 0.9 ? "fill-bad" : "fill-accent"} />
        </svg>
      </div>
      {when && <p className="text-sm text-soft">{when}</p>}
    </li>
  );
}
