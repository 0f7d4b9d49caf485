import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue, useState } from "react";
import { Link } from "react-router";

import { changeUser, type User, type UserChange, users } from "../api/admin";
import { day } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Field, Select } from "../ui/Field";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

/** Every account, with its role and whether it may sign in. */
export function Users(): ReactNode {
  const [words, setWords] = useState("");
  const q = useDeferredValue(words.trim());
  const found = useInfiniteQuery({
    queryKey: ["users", q],
    queryFn: ({ pageParam }) => users(q, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const [asked, setAsked] = useState<Asked | null>(null);
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="grid gap-5">
      <Field
        label="Search accounts"
        hideLabel
        type="search"
        placeholder="Search by e-mail"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && <Empty icon="person" title="No account found" />}
      <ul aria-label="Accounts" className="grid gap-2">
        {items.map((user) => (
          <Row key={user.id} user={user} onAsk={setAsked} />
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="text-center">
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <ChangeDialog asked={asked} onClose={() => setAsked(null)} />
    </div>
  );
}

export function ChangeDialog({ asked, onClose }: { asked: Asked | null; onClose: () => void }): ReactNode {
  return (
    <Confirm
      title={
        asked?.change === "role" ? "Change the role?" : `${asked?.user.is_active ? "Close" : "Open"} this account?`
      }
      item={asked}
      onClose={onClose}
    >
      {(shown) => <Change asked={shown} onClose={onClose} />}
    </Confirm>
  );
}

/** What an admin has asked for and must confirm: a role, or closing or opening the account. */
export type Asked = { user: User; change: "role" | "state" };

function Row({ user, onAsk }: { user: User; onAsk: (asked: Asked) => void }): ReactNode {
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <div className="grid min-w-0 gap-0.5">
        <p className="flex flex-wrap items-center gap-2.5">
          <Link to={`/admin/users/${user.id}`} className="rounded font-medium break-all underline">
            {user.email}
          </Link>
          <Badge>{user.role}</Badge>
          {!user.is_active && <Badge tone="bad">closed</Badge>}
        </p>
        <p className="text-sm text-soft">
          {`${user.first_name} ${user.last_name}`.trim() || "no name"} · since {day(user.created_at)}
        </p>
      </div>
      <div className="flex items-center gap-2">
        <Button small aria-label={`Change role of ${user.email}`} onClick={() => onAsk({ user, change: "role" })}>
          Change role
        </Button>
        <Button
          small
          look={user.is_active ? "danger" : "quiet"}
          aria-label={`${user.is_active ? "Close" : "Open"} ${user.email}`}
          onClick={() => onAsk({ user, change: "state" })}
        >
          {user.is_active ? "Close" : "Open"}
        </Button>
      </div>
    </li>
  );
}

/** Nothing is changed before it is confirmed: a role gives rights, closing ends every sign-in and key. */
function Change({ asked: { user, change }, onClose }: { asked: Asked; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const [role, setRole] = useState(user.role);
  const save = useMutation({
    mutationFn: () =>
      changeUser(
        user.id,
        change === "role" ? { role: role as NonNullable<UserChange["role"]> } : { is_active: !user.is_active },
      ),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["users"] });
    },
  });
  const act = change === "role" ? "Save the role" : user.is_active ? "Close the account" : "Open the account";
  return (
    <>
      {change === "role" && (
        <Select label={`Role of ${user.email}`} value={role} onChange={(event) => setRole(event.target.value)}>
          <option>user</option>
          <option>enterprise</option>
          <option>admin</option>
        </Select>
      )}
      <Confirm.Body
        act={act}
        keep="Cancel"
        look={change === "state" && user.is_active ? "danger" : "main"}
        mutation={save}
        onClose={onClose}
      >
        {SENTENCES[change === "role" ? "role" : user.is_active ? "close" : "open"]}
      </Confirm.Body>
    </>
  );
}

const SENTENCES = {
  role: "An admin may see and change every account. The change takes effect at once.",
  close: "The person is signed out and keys are refused. Scenes stay, and the account can be opened again.",
  open: "The person may sign in again.",
} as const;
