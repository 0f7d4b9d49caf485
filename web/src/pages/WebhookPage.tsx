import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useNavigate, useParams } from "react-router";

import {
  changeWebhook,
  deliveries,
  type Delivery,
  redeliver,
  removeWebhook,
  rotateSecret,
  testWebhook,
  webhook,
} from "../api/webhooks";
import { ago, duration, exact } from "../lib/words";
import { Button, ButtonLink } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Confirm } from "../ui/Confirm";
import { Card, Page } from "../ui/Page";
import { Badge, Empty, Rows, Trouble } from "../ui/states";
import { HookState } from "./Webhooks";

/** One endpoint: whether it works, what was sent to it, and trying it. */
export function WebhookPage(): ReactNode {
  const { id = "" } = useParams();
  const queries = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const found = useQuery({ queryKey: ["webhooks", id], queryFn: () => webhook(id) });
  const again = () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ["webhooks"] }),
      queries.invalidateQueries({ queryKey: ["deliveries", id] }),
    ]);
  const test = useMutation({ mutationFn: () => testWebhook(id), onSuccess: again });
  const turn = useMutation({
    mutationFn: (status: "active" | "disabled") => changeWebhook(id, { status }),
    onSuccess: again,
  });
  const rotate = useMutation({ mutationFn: () => rotateSecret(id) });
  const hook = found.data;
  const on = hook?.status === "active";
  const trouble = found.error ?? test.error ?? turn.error ?? rotate.error;
  return (
    <Page
      title="Webhook"
      lead={hook && <span className="break-all">{hook.url}</span>}
      actions={
        <ButtonLink to="/webhooks" icon="back">
          All webhooks
        </ButtonLink>
      }
    >
      {trouble && <Trouble error={trouble} />}
      {found.isPending && <Rows count={1} />}
      {hook && (
        <Card title={hook.description || "About"} aside={<HookState hook={hook} />}>
          <p className="text-sm break-words text-soft">Events: {hook.events.join(", ")}</p>
          {hook.failing_since && (
            <p className="text-sm text-warm">Nothing has got through since {exact(hook.failing_since)}.</p>
          )}
          <div className="flex flex-wrap gap-2">
            <Button small look="main" icon="send" busy={test.isPending} disabled={!on} onClick={() => test.mutate()}>
              Send a test
            </Button>
            <Button small busy={turn.isPending} onClick={() => turn.mutate(on ? "disabled" : "active")}>
              {on ? "Turn off" : "Turn on"}
            </Button>
            <Button small icon="reset" busy={rotate.isPending} onClick={() => rotate.mutate()}>
              New secret
            </Button>
            <Button small look="danger" icon="trash" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          </div>
          {rotate.data && (
            <div className="grid gap-1.5">
              <Copy text={rotate.data.secret} label="the secret" />
              <p className="text-sm text-soft">
                Copy it now: it is not shown again. For 24 hours the old one signs as well.
              </p>
            </div>
          )}
        </Card>
      )}
      <Deliveries webhookId={id} />
      <Confirm title="Delete this webhook?" item={deleting ? id : null} onClose={() => setDeleting(false)}>
        {(webhookId) => <Delete id={webhookId} onClose={() => setDeleting(false)} />}
      </Confirm>
    </Page>
  );
}

function Delete({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const navigate = useNavigate();
  const remove = useMutation({ mutationFn: () => removeWebhook(id), onSuccess: () => navigate("/webhooks") });
  return (
    <Confirm.Body act="Delete" icon="trash" keep="Cancel" mutation={remove} onClose={onClose}>
      It gets nothing more, and the list of what was sent goes with it.
    </Confirm.Body>
  );
}

function Deliveries({ webhookId }: { webhookId: string }): ReactNode {
  const queries = useQueryClient();
  const found = useInfiniteQuery({
    queryKey: ["deliveries", webhookId],
    queryFn: ({ pageParam }) => deliveries(webhookId, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state: { data } }) =>
      data?.pages[0]?.items.some(({ status }) => status === "pending") ? 1_500 : 10_000,
  });
  const again = useMutation({
    mutationFn: (id: string) => redeliver(id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["deliveries", webhookId] }),
  });
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  // Whether the endpoint is failing changes with each answer that it gives.
  const answers = items.map(({ id, status, attempts }) => `${id} ${status} ${attempts}`).join();
  useEffect(() => void queries.invalidateQueries({ queryKey: ["webhooks"] }), [queries, answers]);
  return (
    <section className="grid gap-4">
      <h2 className="text-xl font-semibold">Deliveries</h2>
      {(found.error ?? again.error) && <Trouble error={found.error ?? again.error} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && (
        <Empty icon="send" title="Nothing was sent yet">
          Send a test, or a photo.
        </Empty>
      )}
      <ul aria-label="Deliveries" className="grid gap-2">
        {items.map((item) => (
          <Row key={item.id} item={item} busy={again.isPending} onAgain={() => again.mutate(item.id)} />
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="text-center">
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </section>
  );
}

const TONES = { delivered: "good", pending: "accent", failed: "bad", cancelled: "soft" } as const;

function Row({ item, busy, onAgain }: { item: Delivery; busy: boolean; onAgain: () => void }): ReactNode {
  const answer = item.response_status ? `answered ${item.response_status}` : (item.error ?? "no answer yet");
  const about = [
    ago(item.created_at),
    `${item.attempts} ${item.attempts === 1 ? "attempt" : "attempts"}`,
    answer,
    ...(item.duration_ms === null ? [] : [duration(item.duration_ms)]),
    ...(item.due_at ? [`next ${ago(item.due_at)}`] : []),
  ];
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <div className="grid min-w-0 gap-1">
        <p className="flex flex-wrap items-center gap-2.5">
          <span className="font-mono text-sm break-all">{item.event_type}</span>
          <Badge tone={TONES[item.status]}>{item.status}</Badge>
          {item.origin !== "event" && <Badge>{item.origin}</Badge>}
        </p>
        <p className="text-sm break-words text-soft">{about.join(" · ")}</p>
      </div>
      {item.status !== "pending" && (
        <Button small icon="reset" disabled={busy} onClick={onAgain}>
          Send again
        </Button>
      )}
    </li>
  );
}
