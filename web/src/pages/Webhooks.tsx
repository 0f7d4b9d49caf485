import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, useNavigate } from "react-router";

import { makeWebhook, type Webhook, webhooks } from "../api/webhooks";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { Field, Tick } from "../ui/Field";
import { Icon } from "../ui/icons";
import { Page } from "../ui/Page";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

const EVENTS: [string, string][] = [
  ["generation.completed.v1", "a scene is ready"],
  ["generation.failed.v1", "a scene failed"],
  ["export.completed.v1", "an export is ready"],
  ["export.failed.v1", "an export failed"],
  ["*", "every event, also of later versions"],
];

/** Servers of one's own that get the account's events. */
export function Webhooks(): ReactNode {
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState(false);
  const found = useQuery({ queryKey: ["webhooks"], queryFn: webhooks });
  return (
    <Page
      title="Webhooks"
      lead="Your own servers get each event within moments, signed as Standard Webhooks describes it, and again until they answer."
      actions={
        <Button look="main" icon="plus" onClick={() => setMaking(true)}>
          New webhook
        </Button>
      }
    >
      {found.isPending && <Rows />}
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty icon="hook" title="No webhooks yet">
          Add an address of yours; it is called when scenes and exports are ready.
        </Empty>
      )}
      <ul className="grid gap-3">
        {found.data?.map((hook) => (
          <li key={hook.id}>
            <Link
              to={`/webhooks/${hook.id}`}
              className="flex items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-4 transition-colors hover:bg-wash"
            >
              <span className="grid min-w-0 gap-1">
                <span className="font-medium break-all">{hook.url}</span>
                <span className="text-sm break-words text-soft">{hook.description || hook.events.join(", ")}</span>
              </span>
              <span className="flex shrink-0 items-center gap-2">
                <HookState hook={hook} />
                <Icon name="next" className="size-5 text-soft" />
              </span>
            </Link>
          </li>
        ))}
      </ul>
      <Dialog title="New webhook" open={making} held={shown} onClose={() => setMaking(false)}>
        <Make onShown={() => setShown(true)} />
      </Dialog>
    </Page>
  );
}

export function HookState({ hook }: { hook: Webhook }): ReactNode {
  if (hook.status === "disabled") return <Badge>off</Badge>;
  return hook.failing_since ? <Badge tone="warm">failing</Badge> : <Badge tone="good">on</Badge>;
}

function Make({ onShown }: { onShown: () => void }): ReactNode {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [events, setEvents] = useState(["generation.completed.v1", "generation.failed.v1"]);
  const make = useMutation({
    mutationFn: () => makeWebhook({ url, events, description }),
    onSuccess: () => {
      onShown();
      return queries.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) {
    const { id, secret } = make.data;
    return (
      <div className="grid gap-4">
        <p>Copy this secret now: it is not shown again. Your server uses it to verify our messages.</p>
        <Copy text={secret} label="the secret" />
        <Button look="main" onClick={() => void navigate(`/webhooks/${id}`)}>
          Done
        </Button>
      </div>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-5">
      <Field
        label="Address"
        minLength={8}
        type="url"
        required
        placeholder="https://shop.example.com/hooks"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label="Description"
        maxLength={500}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <fieldset className="grid gap-1">
        <legend className="pb-1 text-sm font-medium">Send it when</legend>
        {EVENTS.map(([type, text]) => (
          <Tick
            key={type}
            label={text}
            checked={events.includes(type)}
            onChange={(event) =>
              setEvents(event.target.checked ? [...events, type] : events.filter((each) => each !== type))
            }
          />
        ))}
      </fieldset>
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" icon="hook" busy={make.isPending}>
        Add the webhook
      </Button>
    </form>
  );
}
