import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type Totals, usage } from "../api/usage";
import { Select } from "../ui/Field";
import { Page } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";
import { UsageChart } from "../ui/UsageChart";

/** What the account used, by day. */
export function Usage(): ReactNode {
  return <UsageOf title="Usage" lead="What your account did on each day, in UTC." load={usage} name="usage" />;
}

type Props = { title: string; lead: string; name: string; load: (days: number) => Promise<Totals> };

function UsageOf({ title, lead, name, load }: Props): ReactNode {
  return (
    <Page title={title} lead={lead}>
      <UsageBody name={name} load={load} />
    </Page>
  );
}

export function UsageBody({ name, load }: Pick<Props, "name" | "load">): ReactNode {
  const [days, setDays] = useState(30);
  const found = useQuery({ queryKey: [name, days], queryFn: () => load(days) });
  return (
    <div className="grid gap-6">
      <div className="max-w-56">
        <Select label="Days" value={days} onChange={(event) => setDays(Number(event.target.value))}>
          <option value={7}>the last 7 days</option>
          <option value={30}>the last 30 days</option>
          <option value={90}>the last 90 days</option>
        </Select>
      </div>
      {found.isPending && <Rows count={1} />}
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.data && <UsageChart totals={found.data} days={days} />}
    </div>
  );
}
