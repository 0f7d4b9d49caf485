import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { type Invite, invite, invites, revokeInvite, signInOptions, type SignInOptions } from "../api/links";
import { ago } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { Field, Select } from "../ui/Field";
import { Badge, Empty, Note, Rows, Trouble } from "../ui/states";
import { ShownOnce } from "./ShownOnce";

const REGISTRATION: Record<string, string> = {
  open: "Anyone may create an account here, so nobody needs an invitation (GATEWAY_REGISTRATION=open).",
  invite: "Accounts are made by invitation alone (GATEWAY_REGISTRATION=invite).",
  closed: "No accounts are made here, by invitation neither (GATEWAY_REGISTRATION=closed).",
};

/** Links by which one account each can be made. */
export function Invites(): ReactNode {
  const found = useQuery({ queryKey: ["invites"], queryFn: invites });
  const options = useQuery({ queryKey: ["sign-in options"], queryFn: signInOptions });
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState(false);
  const [doomed, setDoomed] = useState<Invite | null>(null);
  const close = () => {
    setMaking(false);
    setShown(false);
  };
  return (
    <div className="grid gap-4">
      {options.data && <Note>{REGISTRATION[options.data.registration]}</Note>}
      <div>
        <Button look="main" icon="plus" onClick={() => setMaking(true)}>
          New invitation
        </Button>
      </div>
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Rows />}
      {found.data?.length === 0 && <Empty icon="link" title="No open invitations" />}
      <ul aria-label="Invitations" className="grid gap-2">
        {found.data?.map((each) => (
          <Row key={each.id} item={each} onRevoke={() => setDoomed(each)} />
        ))}
      </ul>
      <Dialog title="New invitation" open={making} held={shown} onClose={close}>
        <Make options={options.data} onShown={() => setShown(true)} onDone={close} />
      </Dialog>
      <Confirm title="Revoke this invitation?" item={doomed} onClose={() => setDoomed(null)}>
        {(item) => <Revoke item={item} onClose={() => setDoomed(null)} />}
      </Confirm>
    </div>
  );
}

const MAIL: Record<string, [string, "soft" | "good" | "bad"]> = {
  waiting: ["mail on its way", "soft"],
  sent: ["mail sent", "good"],
  failed: ["mail failed: hand the link over", "bad"],
};

function Row({ item, onRevoke }: { item: Invite; onRevoke: () => void }): ReactNode {
  const [words, tone] = MAIL[item.mail ?? ""] ?? ["", "soft"];
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <p className="flex flex-wrap items-center gap-2.5">
        <span>
          made {ago(item.created_at)} · ends {ago(item.expires_at)}
        </span>
        {words && <Badge tone={tone}>{words}</Badge>}
      </p>
      <Button small look="danger" aria-label={`Revoke the invitation made ${ago(item.created_at)}`} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  );
}

type MakeProps = { options: SignInOptions | undefined; onShown: () => void; onDone: () => void };

function Make({ options, onShown, onDone }: MakeProps): ReactNode {
  const queries = useQueryClient();
  const [hours, setHours] = useState(72);
  const [email, setEmail] = useState("");
  const make = useMutation({
    mutationFn: () => invite(hours, email.trim()),
    onSuccess: () => {
      onShown();
      return queries.invalidateQueries({ queryKey: ["invites"] });
    },
  });
  if (make.data) {
    return (
      <ShownOnce text={make.data.url} label="the link" onDone={onDone}>
        {email ? `It is being sent to ${email}, too. ` : "Give it to the person whom you invite. "}
        It makes one account, and ends {ago(make.data.expires_at)}.
      </ShownOnce>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <Select label="Expires after" value={hours} onChange={(event) => setHours(Number(event.target.value))}>
        <option value={24}>a day</option>
        <option value={72}>three days</option>
        <option value={168}>a week</option>
        <option value={720}>thirty days</option>
      </Select>
      {options?.mail && (
        <Field
          label="Send it to (optional)"
          type="email"
          autoComplete="off"
          hint="The address is forgotten once the mail is sent."
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      )}
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" busy={make.isPending}>
        Make the invitation
      </Button>
    </form>
  );
}

function Revoke({ item, onClose }: { item: Invite; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeInvite(item.id),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["invites"] });
    },
  });
  return (
    <Confirm.Body act="Revoke" keep="Cancel" mutation={revoke} onClose={onClose}>
      Whoever has the link can make no account with it any more. It cannot be brought back; you may make another one.
    </Confirm.Body>
  );
}
