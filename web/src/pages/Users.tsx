import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue, useState } from "react";

import { changeUser, type User, type UserChange, users } from "../api/admin";
import { day } from "../lib/words";
import { Button } from "../ui/Button";
import { Field, Select } from "../ui/Field";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

/** Every account, with its role and whether it may sign in. */
export function Users(): ReactNode {
  const queries = useQueryClient();
  const [words, setWords] = useState("");
  const q = useDeferredValue(words.trim());
  const found = useInfiniteQuery({
    queryKey: ["users", q],
    queryFn: ({ pageParam }) => users(q, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const change = useMutation({
    mutationFn: ({ id, to }: { id: string; to: UserChange }) => changeUser(id, to),
    onSettled: () => queries.invalidateQueries({ queryKey: ["users"] }),
  });
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="grid gap-5">
      <Field
        label="Search people"
        hideLabel
        type="search"
        placeholder="Search by e-mail"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      {(found.error ?? change.error) && <Trouble error={found.error ?? change.error} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && <Empty icon="person" title="Nobody by that name" />}
      <ul aria-label="People" className="grid gap-2">
        {items.map((user) => (
          <Row
            key={user.id}
            user={user}
            busy={change.isPending}
            onChange={(to) => change.mutate({ id: user.id, to })}
          />
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="text-center">
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </div>
  );
}

function Row({ user, busy, onChange }: { user: User; busy: boolean; onChange: (to: UserChange) => void }): ReactNode {
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <div className="grid min-w-0 gap-0.5">
        <p className="flex flex-wrap items-center gap-2.5">
          <span className="font-medium break-all">{user.email}</span>
          {!user.is_active && <Badge tone="bad">closed</Badge>}
        </p>
        <p className="text-sm text-soft">
          {`${user.first_name} ${user.last_name}`.trim() || "no name"} · since {day(user.created_at)}
        </p>
      </div>
      <div className="flex items-center gap-2">
        <Select
          label={`Role of ${user.email}`}
          hideLabel
          disabled={busy}
          value={user.role}
          onChange={(event) => onChange({ role: event.target.value as NonNullable<UserChange["role"]> })}
        >
          <option>user</option>
          <option>enterprise</option>
          <option>admin</option>
        </Select>
        <Button
          small
          look={user.is_active ? "danger" : "quiet"}
          disabled={busy}
          aria-label={`${user.is_active ? "Close" : "Open"} ${user.email}`}
          onClick={() => onChange({ is_active: !user.is_active })}
        >
          {user.is_active ? "Close" : "Open"}
        </Button>
      </div>
    </li>
  );
}
