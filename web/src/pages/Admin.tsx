import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { NavLink, Outlet, Route, Routes } from "react-router";

import { me } from "../api/account";
import { usageOfAll } from "../api/usage";
import { Page } from "../ui/Page";
import { DeadLetters } from "./DeadLetters";
import { UsageBody } from "./Usage";
import { Invariants } from "./Invariants";
import { Invites } from "./Invites";
import { NotFound } from "./NotFound";
import { Partners } from "./Partners";
import { Queue } from "./Queue";
import { UserPage } from "./UserPage";
import { Users } from "./Users";

/** For admins: who is here, what was given up on, what was used, and whether every invariant holds. */
export function Admin(): ReactNode {
  const { data } = useQuery({ queryKey: ["me"], queryFn: me, staleTime: 60_000 });
  if (data && data.role !== "admin") return <NotFound title="For admins" words="This page is for admins alone" />;
  return (
    <Routes>
      <Route element={<Frame />}>
        <Route index element={<Users />} />
        <Route path="users/:id" element={<UserPage />} />
        <Route path="invitations" element={<Invites />} />
        <Route path="queue" element={<Queue />} />
        <Route path="partners" element={<Partners />} />
        <Route path="dead-letters" element={<DeadLetters />} />
        <Route path="usage" element={<UsageBody name="usage of all" load={usageOfAll} />} />
        <Route path="invariants" element={<Invariants />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}

const PARTS: [string, string][] = [
  ["/admin", "Accounts"],
  ["/admin/invitations", "Invitations"],
  ["/admin/queue", "Queue"],
  ["/admin/dead-letters", "Dead letters"],
  ["/admin/partners", "Partners"],
  ["/admin/usage", "Usage"],
  ["/admin/invariants", "Invariants"],
];

function Frame(): ReactNode {
  return (
    <Page title="Admin">
      <nav aria-label="Admin" className="flex flex-wrap gap-1 border-b border-line">
        {PARTS.map(([to, text]) => (
          <NavLink
            key={to}
            to={to}
            end
            className="-mb-px border-b-2 border-transparent px-3 py-2.5 text-soft hover:text-ink aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink"
          >
            {text}
          </NavLink>
        ))}
      </nav>
      <Outlet />
    </Page>
  );
}
