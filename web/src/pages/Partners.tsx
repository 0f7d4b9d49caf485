import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { users } from "../api/admin";
import {
  createPartner,
  type Opened,
  type Partner,
  partners,
  removePartner,
  resumePartner,
  rotatePartner,
  suspendPartner,
} from "../api/partners";
import { ApiError } from "../api/problem";
import { day } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Badge, Empty, Rows, Trouble } from "../ui/states";
import { ShownOnce } from "./ShownOnce";

type Act = "rotate" | "suspend" | "resume" | "remove";
type Asked = { partner: Partner; act: Act };

const ACTS: Record<Act, { button: string; title: string; words: string }> = {
  rotate: {
    button: "New password",
    title: "Give a new password?",
    words: "The password of now is refused at once; connections that are open end within ten minutes.",
  },
  suspend: {
    button: "Suspend",
    title: "Suspend this partner?",
    words:
      "It can neither write nor read until it is let in again. Its topics and events stay; pending commands are refused.",
  },
  resume: { button: "Let in again", title: "Let this partner in again?", words: "Its password is the one it had." },
  remove: {
    button: "Remove",
    title: "Remove this partner?",
    words:
      "Its user and its rights go now, its topics an hour later. The account and its scenes stay. There is no way back.",
  },
};

/** Accounts that use the service over Kafka. */
export function Partners(): ReactNode {
  const found = useInfiniteQuery({
    queryKey: ["partners"],
    queryFn: ({ pageParam }) => partners(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const [making, setMaking] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="grid gap-4">
      <div>
        <Button look="main" icon="plus" onClick={() => setMaking(true)}>
          New partner
        </Button>
      </div>
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && (
        <Empty icon="share" title="No partners">
          A partner writes commands and reads events in topics of its own, over Kafka.
        </Empty>
      )}
      <ul aria-label="Partners" className="grid gap-2">
        {items.map((partner) => (
          <Row key={partner.id} partner={partner} onAsk={(act) => setAsked({ partner, act })} />
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="text-center">
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <Dialog title="New partner" open={making} onClose={() => setMaking(false)}>
        <Make
          onOpened={(made) => {
            setMaking(false);
            setOpened(made);
          }}
        />
      </Dialog>
      <Dialog title={`How ${opened?.slug ?? ""} connects`} open={opened !== null} held onClose={() => setOpened(null)}>
        {opened && <Credentials opened={opened} onDone={() => setOpened(null)} />}
      </Dialog>
      <Confirm title={asked ? ACTS[asked.act].title : ""} item={asked} onClose={() => setAsked(null)}>
        {(shown) => <Change asked={shown} onOpened={setOpened} onClose={() => setAsked(null)} />}
      </Confirm>
    </div>
  );
}

function Row({ partner, onAsk }: { partner: Partner; onAsk: (act: Act) => void }): ReactNode {
  const { state, settled, suspension } = partner;
  const acts: Act[] =
    state === "active" || state === "creating"
      ? ["rotate", "suspend", "remove"]
      : state === "suspended"
        ? ["resume", "rotate", "remove"]
        : [];
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 rounded-2xl border border-line bg-card px-5 py-3.5">
      <div className="grid min-w-0 gap-0.5">
        <p className="flex flex-wrap items-center gap-2.5">
          <span className="font-medium break-all">{partner.slug}</span>
          <Badge tone={state === "active" ? "good" : state === "suspended" ? "bad" : "soft"}>{state}</Badge>
          {!settled && <Badge tone="warm">in progress</Badge>}
        </p>
        <p className="text-sm text-soft">
          since {day(partner.created_at)} · {partner.username}
          {partner.unreadable_records > 0 && ` · ${partner.unreadable_records} unreadable records in the last hour`}
        </p>
        {suspension && <p className="text-sm">{suspension.message}</p>}
      </div>
      <div className="flex flex-wrap gap-2">
        {acts.map((act) => (
          <Button
            key={act}
            small
            look={act === "remove" || act === "suspend" ? "danger" : "quiet"}
            aria-label={`${ACTS[act].button}: ${partner.slug}`}
            onClick={() => onAsk(act)}
          >
            {ACTS[act].button}
          </Button>
        ))}
      </div>
    </li>
  );
}

function Make({ onOpened }: { onOpened: (opened: Opened) => void }): ReactNode {
  const queries = useQueryClient();
  const [slug, setSlug] = useState("");
  const [email, setEmail] = useState("");
  const make = useMutation({
    mutationFn: async () => createPartner(slug, await accountOf(email)),
    onSuccess: (made) => {
      onOpened(made);
      return queries.invalidateQueries({ queryKey: ["partners"] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <Field
        label="Name in Kafka"
        required
        maxLength={40}
        pattern="[a-z0-9]([a-z0-9\-]{0,38}[a-z0-9])?"
        title="lower-case letters, digits and inner hyphens"
        placeholder="acme"
        hint="Lower-case letters, digits and inner hyphens; part of its topics, for good."
        value={slug}
        onChange={(event) => setSlug(event.target.value)}
      />
      <Field
        label="E-mail of its account"
        type="email"
        required
        hint="The account owns the scenes of its commands; its quotas apply."
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" busy={make.isPending}>
        Let it in
      </Button>
    </form>
  );
}

async function accountOf(email: string): Promise<string> {
  const wanted = email.trim().toLowerCase();
  const { items } = await users(wanted, null);
  const found = items.find((each) => each.email.toLowerCase() === wanted);
  if (!found) throw new ApiError("not_found", `There is no account with the address ${email}. Invite its owner first.`);
  return found.id;
}

function Credentials({ opened, onDone }: { opened: Opened; onDone: () => void }): ReactNode {
  const { kafka, topics } = opened;
  const text = [
    `bootstrap.servers=${kafka.bootstrap_servers}`,
    `security.protocol=${kafka.security_protocol}`,
    `sasl.mechanism=${kafka.sasl_mechanism}`,
    `sasl.username=${kafka.username}`,
    `sasl.password=${kafka.password}`,
    `commands=${topics.commands}`,
    `events=${topics.events}`,
    `group.prefix=${opened.group_prefix}`,
  ].join("\n");
  return (
    <ShownOnce text={text} label="the credentials" onDone={onDone}>
      The password cannot be shown again; a new one can be given.
    </ShownOnce>
  );
}

type ChangeProps = { asked: Asked; onOpened: (opened: Opened) => void; onClose: () => void };

function Change({ asked: { partner, act }, onOpened, onClose }: ChangeProps): ReactNode {
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: async (): Promise<Opened | null> => {
      if (act === "rotate") return rotatePartner(partner.id);
      await { suspend: suspendPartner, resume: resumePartner, remove: removePartner }[act](partner.id);
      return null;
    },
    onSuccess: async (opened) => {
      onClose();
      if (opened) onOpened(opened);
      await queries.invalidateQueries({ queryKey: ["partners"] });
    },
  });
  return (
    <Confirm.Body
      act={ACTS[act].button}
      keep="Cancel"
      look={act === "resume" ? "main" : "danger"}
      mutation={change}
      onClose={onClose}
    >
      <span className="font-medium text-ink">{partner.slug}</span>: {ACTS[act].words}
    </Confirm.Body>
  );
}
