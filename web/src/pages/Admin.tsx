import type { ReactNode } from "react";
import { NavLink, Outlet, Route, Routes } from "react-router";

import { usageOfAll } from "../api/usage";
import { Page } from "../ui/Page";
import { DeadLetters } from "./DeadLetters";
import { UsageBody } from "./Usage";
import { Books } from "./Books";
import { Users } from "./Users";

/** For admins: who is here, what was given up on, what was used, and whether the books are right. */
export function Admin(): ReactNode {
  return (
    <Routes>
      <Route element={<Frame />}>
        <Route index element={<Users />} />
        <Route path="dead-letters" element={<DeadLetters />} />
        <Route path="usage" element={<UsageBody name="usage of all" load={usageOfAll} />} />
        <Route path="books" element={<Books />} />
      </Route>
    </Routes>
  );
}

const PARTS: [string, string][] = [
  ["/admin", "People"],
  ["/admin/dead-letters", "Dead letters"],
  ["/admin/usage", "Usage"],
  ["/admin/books", "Books"],
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
