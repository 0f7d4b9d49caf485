import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { type Key, type KeyIn, keys, makeKey, revokeKey } from "../api/keys";
import { generateSnippets, listSnippets } from "../api/snippets";
import { ago, day } from "../lib/words";
import { CallFromApi } from "../scene/CallFromApi";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { Field, Select, Tick } from "../ui/Field";
import { Page } from "../ui/Page";
import { Badge, Empty, Rows, Trouble } from "../ui/states";

type Scope = NonNullable<KeyIn["scopes"]>[number];
const SCOPES: [Scope, string][] = [
  ["scenes:read", "look at scenes"],
  ["scenes:write", "create, export and delete scenes"],
  ["shares:write", "share scenes by link"],
  ["usage:read", "see usage"],
  ["webhooks:read", "see webhooks"],
  ["webhooks:write", "change webhooks"],
];

/** Credentials for programs. */
export function Keys(): ReactNode {
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState(false);
  const [doomed, setDoomed] = useState<Key | null>(null);
  const found = useQuery({ queryKey: ["keys"], queryFn: keys });
  const live = found.data?.filter(({ status }) => status === "active") ?? [];
  const revoked = found.data?.filter(({ status }) => status !== "active") ?? [];
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
          Create one, then send a photo with it from the command line or from Python.
        </Empty>
      )}
      <ul aria-label="Keys" className="grid gap-3">
        {live.map((key) => (
          <Row key={key.id} item={key} onRevoke={() => setDoomed(key)} />
        ))}
      </ul>
      {revoked.length > 0 && (
        <details>
          <summary className="w-fit rounded text-sm text-soft">Revoked keys ({revoked.length})</summary>
          <ul aria-label="Revoked keys" className="grid gap-3 pt-3">
            {revoked.map((key) => (
              <Row key={key.id} item={key} onRevoke={() => setDoomed(key)} />
            ))}
          </ul>
        </details>
      )}
      <Dialog title="New API key" open={making} held={shown} onClose={() => setMaking(false)}>
        <Make
          onShown={() => setShown(true)}
          onDone={() => {
            setMaking(false);
            setShown(false);
          }}
        />
      </Dialog>
      <Confirm title="Revoke this key?" item={doomed} onClose={() => setDoomed(null)}>
        {(item) => <Revoke item={item} onClose={() => setDoomed(null)} />}
      </Confirm>
    </Page>
  );
}

function Row({ item, onRevoke }: { item: Key; onRevoke: () => void }): ReactNode {
  const active = item.status === "active";
  const about = [
    `created ${ago(item.created_at)}`,
    item.last_used_at ? `used ${ago(item.last_used_at)}` : "never used",
    ...(item.expires_at ? [`ends ${day(item.expires_at)}`] : []),
  ];
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-4">
      <div className="grid min-w-0 gap-1">
        <p className="flex flex-wrap items-center gap-2.5">
          <span className={`font-medium break-all ${active ? "" : "text-soft line-through"}`}>{item.name}</span>
          <code className="font-mono text-sm text-soft">{item.prefix}…</code>
          {!active && <Badge>revoked</Badge>}
        </p>
        <p className="text-sm text-soft">{about.join(" · ")}</p>
        <p className="text-sm text-soft">{permissions(item.scopes)}</p>
      </div>
      {active && (
        <Button small look="danger" onClick={onRevoke}>
          Revoke
        </Button>
      )}
    </li>
  );
}

/** The words of the dialog, for the list too. */
function permissions(scopes: string[]): string {
  if (scopes.length === SCOPES.length) return "Permissions: everything";
  const words = SCOPES.filter(([scope]) => scopes.includes(scope)).map(([, text]) => text);
  return `Permissions: ${words.join(", ") || "none"}`;
}

function Make({ onShown, onDone }: { onShown: () => void; onDone: () => void }): ReactNode {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [days, setDays] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(SCOPES.map(([scope]) => scope));
  const make = useMutation({
    mutationFn: () =>
      makeKey({
        name: name.trim(),
        scopes,
        expires_at: days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null,
      }),
    onSuccess: () => {
      onShown();
      return queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) {
    return (
      <div className="grid gap-4">
        <p>Copy this key now: it is not shown again.</p>
        <Copy text={make.data.key} label="the key" />
        {scopes.includes("scenes:read") && (
          <CallFromApi
            isNewKey
            snippets={
              scopes.includes("scenes:write") ? generateSnippets(location.origin) : listSnippets(location.origin)
            }
          />
        )}
        <Button look="main" onClick={onDone}>
          Done
        </Button>
      </div>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-5">
      <Field
        label="Name"
        required
        maxLength={100}
        placeholder="render farm"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select label="Expires after" value={days} onChange={(event) => setDays(event.target.value)}>
        <option value="">never</option>
        <option value="30">30 days</option>
        <option value="90">90 days</option>
        <option value="365">a year</option>
      </Select>
      <fieldset className="grid gap-1">
        <legend className="pb-1 text-sm font-medium">Permissions</legend>
        {SCOPES.map(([scope, text]) => (
          <Tick
            key={scope}
            label={text}
            checked={scopes.includes(scope)}
            onChange={(event) =>
              setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))
            }
          />
        ))}
      </fieldset>
      {!scopes.length && <p className="text-sm text-warm">Give the key at least one permission.</p>}
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" icon="key" busy={make.isPending} disabled={!name.trim() || !scopes.length}>
        Create key
      </Button>
    </form>
  );
}

function Revoke({ item, onClose }: { item: Key; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeKey(item.id),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  return (
    <Confirm.Body act="Revoke" keep="Cancel" mutation={revoke} onClose={onClose}>
      Programs that use <span className="font-medium wrap-anywhere text-ink">{item.name}</span> are refused at once. It
      cannot be brought back.
    </Confirm.Body>
  );
}
