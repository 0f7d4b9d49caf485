import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { quotas } from "../api/quotas";
import { type Totals, usage } from "../api/usage";
import { csv, saveCsv } from "../lib/csv";
import { Button } from "../ui/Button";
import { Select } from "../ui/Field";
import { Page } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";
import { UsageChart } from "../ui/UsageChart";
import { Quotas } from "./Quotas";
import { UsageByKey } from "./UsageByKey";

/** What the account may use, and what it used, by day and by key. */
export function Usage(): ReactNode {
  return (
    <Page title="Usage" lead="What your account did on each day, in UTC.">
      <Quotas name="own" load={quotas} />
      <UsageBody name="usage" load={usage} more={(days) => <UsageByKey days={days} />} />
    </Page>
  );
}

type Props = { name: string; load: (days: number) => Promise<Totals>; more?: (days: number) => ReactNode };

export function UsageBody({ name, load, more }: Props): ReactNode {
  const [days, setDays] = useState(30);
  const found = useQuery({ queryKey: [name, days], queryFn: () => load(days) });
  return (
    <div className="grid gap-6">
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div className="w-56">
          <Select label="Days" value={days} onChange={(event) => setDays(Number(event.target.value))}>
            <option value={7}>the last 7 days</option>
            <option value={30}>the last 30 days</option>
            <option value={90}>the last 90 days</option>
          </Select>
        </div>
        {found.data && found.data.length > 0 && (
          <Button icon="download" onClick={() => save(found.data)}>
            CSV
          </Button>
        )}
      </div>
      {found.isPending && <Rows count={1} />}
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.data && <UsageChart totals={found.data} days={days} />}
      {more?.(days)}
    </div>
  );
}

function save(totals: Totals): void {
  const rows = totals.map(({ day, event_type, count }) => [day, event_type, count]);
  saveCsv("sharpstream-usage.csv", csv(["day", "kind", "count"], rows));
}
