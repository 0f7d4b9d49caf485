import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type DeadLetter, deadLetters, discard, redrive } from "../api/admin";
import { ago } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

/** Jobs that were given up on, to be redriven or discarded. */
export function DeadLetters(): ReactNode {
  const queries = useQueryClient();
  const found = useInfiniteQuery({
    queryKey: ["dead letters"],
    queryFn: ({ pageParam }) => deadLetters(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const [doomed, setDoomed] = useState<DeadLetter | null>(null);
  const again = useMutation({
    mutationFn: redrive,
    onSettled: () => queries.invalidateQueries({ queryKey: ["dead letters"] }),
  });
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="grid gap-4">
      {(found.error ?? again.error) && <Trouble error={found.error ?? again.error} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && (
        <Empty icon="check" title="No dead letters">
          Every job came to its end.
        </Empty>
      )}
      <ul aria-label="Dead letters" className="grid gap-2">
        {items.map((item) => (
          <Row
            key={item.id}
            item={item}
            busy={again.isPending}
            onRedrive={() => again.mutate(item.id)}
            onDiscard={() => setDoomed(item)}
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
      <Confirm title="Discard this dead letter?" item={doomed} onClose={() => setDoomed(null)}>
        {(item) => <Discard item={item} onClose={() => setDoomed(null)} />}
      </Confirm>
    </div>
  );
}

function Discard({ item, onClose }: { item: DeadLetter; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => discard(item.id),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["dead letters"] });
    },
  });
  return (
    <Confirm.Body act="Discard" keep="Cancel" mutation={remove} onClose={onClose}>
      The job stays failed and cannot be redriven any more; its owner must ask again.
    </Confirm.Body>
  );
}

type RowProps = { item: DeadLetter; busy: boolean; onRedrive: () => void; onDiscard: () => void };

function Row({ item, busy, onRedrive, onDiscard }: RowProps): ReactNode {
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <div className="grid min-w-0 gap-1">
        <p className="flex flex-wrap items-center gap-2.5">
          <code className="font-mono text-sm">{item.code}</code>
          <Badge tone={item.state === "open" ? "warm" : "soft"}>{item.state}</Badge>
          <span className="text-sm text-soft">{ago(item.dead_at)}</span>
        </p>
        <p className="text-sm break-words">{item.reason}</p>
        <p className="font-mono text-xs break-all text-soft">{item.topic}</p>
      </div>
      {item.state === "open" && (
        <div className="flex gap-2">
          <Button small icon="reset" disabled={busy} onClick={onRedrive}>
            Redrive
          </Button>
          <Button small look="danger" disabled={busy} onClick={onDiscard}>
            Discard
          </Button>
        </div>
      )}
    </li>
  );
}
