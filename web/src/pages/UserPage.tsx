import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useParams } from "react-router";

import { resetLink } from "../api/links";
import { type OwnQuotas, quotasOf, setQuotas, type UserDetail, userDetail } from "../api/quotas";
import { endAllOf, signInsOf } from "../api/signIns";
import { usageOf } from "../api/usage";
import { ago, day } from "../lib/words";
import { Button, ButtonLink } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Card } from "../ui/Page";
import { Badge, Rows, Trouble } from "../ui/states";
import { Quotas } from "./Quotas";
import { ShownOnce } from "./ShownOnce";
import { SignInList } from "./SignIns";
import { UsageBody } from "./Usage";
import { type Asked, ChangeDialog } from "./Users";

/** One account, for admins: who it is, its quotas and usage, where it is signed in, and the way back in. */
export function UserPage(): ReactNode {
  const { id = "" } = useParams();
  const { data, error, refetch } = useQuery({ queryKey: ["user", id], queryFn: () => userDetail(id) });
  if (!data) return error ? <Trouble error={error} retry={() => void refetch()} /> : <Rows />;
  return (
    <div className="grid gap-5">
      <div>
        <ButtonLink small icon="back" to="/admin">
          All accounts
        </ButtonLink>
      </div>
      <Who user={data} />
      <Quotas name={id} load={() => quotasOf(id)} />
      <OwnQuotasForm user={data} key={JSON.stringify(data.own_quotas)} />
      <OfUser user={data} />
      <UsageBody name={`usage of ${id}`} load={usageOf(id)} />
    </div>
  );
}

function Who({ user }: { user: UserDetail }): ReactNode {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => {
    setAsked(null);
    void queries.invalidateQueries({ queryKey: ["user", user.id] });
  };
  return (
    <Card>
      <div className="grid gap-1">
        <h2 className="flex flex-wrap items-center gap-2.5 text-lg font-semibold break-all">
          {user.email}
          <Badge>{user.role}</Badge>
          {!user.is_active && <Badge tone="bad">closed</Badge>}
        </h2>
        <p className="text-sm text-soft">
          {`${user.first_name} ${user.last_name}`.trim() || "no name"} · since {day(user.created_at)}
        </p>
        <p className="font-mono text-xs break-all text-soft">{user.id}</p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button small onClick={() => setAsked({ user, change: "role" })}>
          Change role
        </Button>
        <Button small look={user.is_active ? "danger" : "quiet"} onClick={() => setAsked({ user, change: "state" })}>
          {user.is_active ? "Close the account" : "Open the account"}
        </Button>
      </div>
      <ChangeDialog asked={asked} onClose={close} />
    </Card>
  );
}

const FIELDS: [keyof OwnQuotas, string][] = [
  ["max_in_flight", "Scenes in the making"],
  ["requests_per_minute", "Requests in a minute"],
  ["max_streams", "Live streams"],
];

/** Figures of the account's own; an empty field is that of its role. */
function OwnQuotasForm({ user }: { user: UserDetail }): ReactNode {
  const queries = useQueryClient();
  const [own, setOwn] = useState(user.own_quotas);
  const changed = FIELDS.some(([name]) => own[name] !== user.own_quotas[name]);
  const save = useMutation({
    mutationFn: () => setQuotas(user.id, own),
    onSuccess: async (now) => {
      queries.setQueryData(["user", user.id], now);
      await queries.invalidateQueries({ queryKey: ["quotas", user.id] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Card title="Quotas of its own">
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-3">
          {FIELDS.map(([name, label]) => (
            <Field
              key={name}
              label={label}
              type="number"
              min={1}
              max={1_000_000}
              step={1}
              placeholder={String(user.quotas[name])}
              value={own[name] ?? ""}
              onChange={({ target }) => setOwn({ ...own, [name]: target.value === "" ? null : Number(target.value) })}
            />
          ))}
        </div>
        <p className="text-sm text-soft">An empty field is the figure of the role.</p>
        {save.error && <Trouble error={save.error} />}
        <div>
          <Button type="submit" busy={save.isPending} disabled={!changed}>
            Save the quotas
          </Button>
        </div>
      </form>
    </Card>
  );
}

/** Sign-ins to end, and a link for a forgotten password. */
function OfUser({ user }: { user: UserDetail }): ReactNode {
  const queries = useQueryClient();
  const { data, error, refetch } = useQuery({ queryKey: ["sign-ins of", user.id], queryFn: () => signInsOf(user.id) });
  const [asked, setAsked] = useState<"end" | "link" | null>(null);
  const end = useMutation({
    mutationFn: () => endAllOf(user.id),
    onSuccess: async () => {
      setAsked(null);
      await queries.invalidateQueries({ queryKey: ["sign-ins of", user.id] });
    },
  });
  const link = useMutation({ mutationFn: () => resetLink(user.id), onSuccess: () => setAsked(null) });
  return (
    <Card title="Signed in">
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {data?.length === 0 && <p className="text-soft">Nowhere.</p>}
      {data && data.length > 0 && <SignInList items={data} />}
      <div className="flex flex-wrap gap-2">
        <Button small look="danger" disabled={!data?.length} onClick={() => setAsked("end")}>
          End all sign-ins
        </Button>
        <Button small disabled={!user.is_active} onClick={() => setAsked("link")}>
          Link for a new password
        </Button>
      </div>
      <Confirm
        title={asked === "end" ? "End all sign-ins?" : "Make a link for a new password?"}
        item={asked}
        onClose={() => setAsked(null)}
      >
        {(what) => (
          <Confirm.Body
            act={what === "end" ? "End them" : "Make the link"}
            keep="Cancel"
            look={what === "end" ? "danger" : "main"}
            mutation={what === "end" ? end : link}
            onClose={() => setAsked(null)}
          >
            {what === "end"
              ? "Every browser and program of this person must sign in again. The password and API keys stay."
              : "Whoever has the link sets the password of this account. It ends a link that was made before; give it to the owner alone."}
          </Confirm.Body>
        )}
      </Confirm>
      <Dialog title="Link for a new password" open={link.isSuccess} held onClose={link.reset}>
        {link.data && (
          <ShownOnce text={link.data.url} label="the link" onDone={link.reset}>
            It works once, and ends {ago(link.data.expires_at)}.
          </ShownOnce>
        )}
      </Dialog>
    </Card>
  );
}
