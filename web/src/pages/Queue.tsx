import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { type Queue as Now, queue } from "../api/queue";
import { ago, many } from "../lib/words";
import { Card } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";

const AGAIN_MS = 5_000;

/** What waits, by priority and account, and who works; read again while it is on screen. */
export function Queue(): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["queue"], queryFn: queue, refetchInterval: AGAIN_MS });
  return (
    <div className="grid gap-5">
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {!data && !error && <Rows />}
      {data && (
        <>
          <Waiting rows={data.waiting} />
          <Workers now={data} />
          <Accounts rows={data.accounts} />
        </>
      )}
    </div>
  );
}

const TITLES: Record<string, string> = {
  interactive: "Interactive scenes",
  bulk: "Bulk scenes",
  exports: "Exports",
};

function Waiting({ rows }: { rows: Now["waiting"] }): ReactNode {
  return (
    <Card title="Waiting">
      <Table head={["", "waiting", "at work", "oldest"]} label="What waits">
        {rows.map((each) => (
          <tr key={each.priority} className="border-t border-line">
            <th scope="row" className="py-1.5 font-medium">
              {TITLES[each.priority] ?? each.priority}
            </th>
            <Figure>{many(each.waiting)}</Figure>
            <Figure>{many(each.processing)}</Figure>
            <Figure>{each.oldest ? ago(each.oldest) : "–"}</Figure>
          </tr>
        ))}
      </Table>
      {!rows.some(({ waiting, processing }) => waiting + processing > 0) && <p className="text-soft">Nothing waits.</p>}
    </Card>
  );
}

function Workers({ now }: { now: Now }): ReactNode {
  return (
    <Card title="Workers">
      {now.workers === null && <p className="text-warm">Kafka does not answer, so nobody knows which workers live.</p>}
      {now.workers?.length === 0 && (
        <p className="text-bad">No inference worker lives: photos wait until one is started.</p>
      )}
      {now.workers && now.workers.length > 0 && (
        <ul aria-label="Workers" className="flex flex-wrap gap-2">
          {now.workers.map((name) => (
            <li key={name} className="rounded-full bg-wash px-3 py-1 font-mono text-sm break-all">
              {name}
            </li>
          ))}
        </ul>
      )}
      {now.models.length > 0 ? (
        <ul aria-label="Models of the last hour" className="grid gap-1 text-sm">
          {now.models.map((each) => (
            <li key={`${each.name} ${each.device}`}>
              <span className="font-medium">{each.name ?? "unknown model"}</span>
              {each.device && ` on ${each.device}`}: {many(each.scenes)} {each.scenes === 1 ? "scene" : "scenes"}, the
              last {ago(each.last_at)}
            </li>
          ))}
        </ul>
      ) : (
        <p className="text-sm text-soft">No scene was made in the last hour, so no model is known.</p>
      )}
    </Card>
  );
}

function Accounts({ rows }: { rows: Now["accounts"] }): ReactNode {
  if (!rows.length) return null;
  return (
    <Card title="By account">
      <Table head={["Account", "interactive", "bulk", "held", "oldest"]} label="What waits by account">
        {rows.map((each) => (
          <tr key={each.account_id} className="border-t border-line">
            <th scope="row" className="py-1.5 font-normal break-all">
              <Link to={`/admin/users/${each.account_id}`} className="text-accent underline">
                {each.email}
              </Link>
            </th>
            <Figure>{many(each.interactive)}</Figure>
            <Figure>{many(each.bulk)}</Figure>
            <Figure>{many(each.held)}</Figure>
            <Figure>{ago(each.oldest)}</Figure>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Table({ head, label, children }: { head: string[]; label: string; children: ReactNode }): ReactNode {
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full text-left text-sm tabular-nums">
        <thead>
          <tr className="text-soft">
            {head.map((each, index) =>
              each ? (
                <th key={each} scope="col" className={`py-1 font-medium ${index ? "pl-4 text-right" : ""}`}>
                  {each}
                </th>
              ) : (
                <td key={index} />
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Figure({ children }: { children: ReactNode }): ReactNode {
  return <td className="py-1.5 pl-4 text-right whitespace-nowrap">{children}</td>;
}
