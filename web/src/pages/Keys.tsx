import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { type Key, type KeyIn, keys, makeKey, revokeKey } from "../api/keys";
import { ago, day } from "../lib/words";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { Field, Select, Tick } from "../ui/Field";
import { Page } from "../ui/Page";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

type Scope = NonNullable<KeyIn["scopes"]>[number];
const SCOPES: [Scope, string][] = [
  ["scenes:read", "look at scenes"],
  ["scenes:write", "make, export and delete scenes"],
  ["shares:write", "share scenes by link"],
  ["usage:read", "see usage"],
  ["webhooks:read", "see webhooks"],
  ["webhooks:write", "change webhooks"],
];

/** Credentials for programs. */
export function Keys(): ReactNode {
  const [making, setMaking] = useState(false);
  const [doomed, setDoomed] = useState<Key | null>(null);
  const found = useQuery({ queryKey: ["keys"], queryFn: keys });
  return (
    <Page
      title="API keys"
      lead="For your own programs: whoever has a key can do with your account what the key may. Keep it out of web pages and repositories."
      actions={
        <Button look="main" icon="plus" onClick={() => setMaking(true)}>
          New key
        </Button>
      }
    >
      {found.isPending && <Rows />}
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty icon="key" title="No keys yet">
          Make one, then send a photo with it from the command line or from Python.
        </Empty>
      )}
      <ul className="grid gap-3">
        {found.data?.map((key) => (
          <Row key={key.id} item={key} onRevoke={() => setDoomed(key)} />
        ))}
      </ul>
      <Dialog title="New API key" open={making} onClose={() => setMaking(false)}>
        <Make onDone={() => setMaking(false)} />
      </Dialog>
      <Revoke item={doomed} onClose={() => setDoomed(null)} />
    </Page>
  );
}

function Row({ item, onRevoke }: { item: Key; onRevoke: () => void }): ReactNode {
  const live = item.status === "active";
  const about = [
    `made ${ago(item.created_at)}`,
    item.last_used_at ? `used ${ago(item.last_used_at)}` : "never used",
    ...(item.expires_at ? [`ends ${day(item.expires_at)}`] : []),
  ];
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-4">
      <div className="grid min-w-0 gap-1">
        <p className="flex flex-wrap items-center gap-2.5">
          <span className={`font-medium break-all ${live ? "" : "text-soft line-through"}`}>{item.name}</span>
          <code className="font-mono text-sm text-soft">{item.prefix}…</code>
          {!live && <Badge>revoked</Badge>}
        </p>
        <p className="text-sm text-soft">{about.join(" · ")}</p>
        <p className="text-sm text-soft">{item.scopes.length === SCOPES.length ? "may do everything" : `may: ${item.scopes.join(", ")}`}</p>
      </div>
      {live && (
        <Button small look="danger" onClick={onRevoke}>
          Revoke
        </Button>
      )}
    </li>
  );
}

function Make({ onDone }: { onDone: () => void }): ReactNode {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [days, setDays] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(SCOPES.map(([scope]) => scope));
  const make = useMutation({
    mutationFn: () =>
      makeKey({ name, scopes, expires_at: days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) {
    return (
      <div className="grid gap-4">
        <p>This is the key. It is shown this once: copy it now.</p>
        <Copy text={make.data.key} label="the key" />
        <Button look="main" onClick={onDone}>
          I have it
        </Button>
      </div>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-5">
      <Field label="Name" required maxLength={100} placeholder="render farm" value={name} onChange={(event) => setName(event.target.value)} />
      <Select label="Good for" value={days} onChange={(event) => setDays(event.target.value)}>
        <option value="">ever, until it is revoked</option>
        <option value="30">30 days</option>
        <option value="90">90 days</option>
        <option value="365">a year</option>
      </Select>
      <fieldset className="grid gap-1">
        <legend className="pb-1 text-sm font-medium">It may</legend>
        {SCOPES.map(([scope, text]) => (
          <Tick
            key={scope}
            label={text}
            checked={scopes.includes(scope)}
            onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))}
          />
        ))}
      </fieldset>
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" icon="key" busy={make.isPending}>
        Make the key
      </Button>
    </form>
  );
}

function Revoke({ item, onClose }: { item: Key | null; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: (id: string) => revokeKey(id),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  return (
    <Dialog title="Revoke this key?" open={item !== null} onClose={onClose}>
      <p className="text-soft">
        Programs that use <span className="font-medium break-words text-ink">{item?.name}</span> are refused at once. It cannot be brought back.
      </p>
      {revoke.error && <Trouble error={revoke.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button look="danger" busy={revoke.isPending} onClick={() => item && revoke.mutate(item.id)}>
          Revoke
        </Button>
      </div>
    </Dialog>
  );
}
