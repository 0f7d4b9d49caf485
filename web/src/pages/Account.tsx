import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { changeMe, changePassword, eraseMe, me, type Me, myData, signOut } from "../api/account";
import { setTheme, type Theme, theme } from "../lib/theme";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Card, Page } from "../ui/Page";
import { PasswordField } from "../ui/PasswordField";
import { Rows, Trouble } from "../ui/states";
import { EmailCard } from "./EmailCard";
import { Retention } from "./Retention";
import { SignIns } from "./SignIns";

/** Oneself: name, password, looks, and leaving. */
export function Account(): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["me"], queryFn: me });
  return (
    <Page title="Account" lead={data?.email} actions={<Button onClick={() => void signOut()}>Sign out</Button>}>
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {!data && !error && <Rows />}
      {data && <NameCard who={data} />}
      <Appearance />
      {data && <EmailCard who={data} />}
      {data && <Password email={data.email} />}
      <SignIns />
      <Retention />
      <Data />
    </Page>
  );
}

function NameCard({ who }: { who: Me }): ReactNode {
  const queries = useQueryClient();
  const [first_name, setFirst] = useState(who.first_name);
  const [last_name, setLast] = useState(who.last_name);
  const save = useMutation({
    mutationFn: () => changeMe({ first_name, last_name }),
    onSuccess: (now) => queries.setQueryData(["me"], now),
  });
  return (
    <Card title="Name">
      <form onSubmit={submitting(() => save.mutate())} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="First name"
            maxLength={100}
            autoComplete="given-name"
            value={first_name}
            onChange={(event) => setFirst(event.target.value)}
          />
          <Field
            label="Last name"
            maxLength={100}
            autoComplete="family-name"
            value={last_name}
            onChange={(event) => setLast(event.target.value)}
          />
        </div>
        {save.error && <Trouble error={save.error} />}
        <Saved busy={save.isPending} done={save.isSuccess} />
      </form>
    </Card>
  );
}

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

function Appearance(): ReactNode {
  const [chosen, setChosen] = useState(theme());
  return (
    <Card title="Appearance">
      <fieldset className="flex flex-wrap gap-2">
        <legend className="sr-only">Theme</legend>
        {THEMES.map(([value, text]) => (
          <label
            key={value}
            className="rounded-full border border-line px-4 py-2 text-sm has-checked:border-accent has-checked:bg-accent-wash has-focus-visible:outline-2"
          >
            <input
              type="radio"
              name="theme"
              className="sr-only"
              checked={chosen === value}
              onChange={() => {
                setTheme(value);
                setChosen(value);
              }}
            />
            {text}
          </label>
        ))}
      </fieldset>
    </Card>
  );
}

function Password({ email }: { email: string }): ReactNode {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const save = useMutation({
    mutationFn: () => changePassword(email, current, password),
    onSuccess: () => {
      setCurrent("");
      setPassword("");
    },
  });
  return (
    <Card title="Password">
      <form onSubmit={submitting(() => save.mutate())} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <PasswordField
            label="Current password"
            required
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.target.value)}
          />
          <PasswordField
            label="New password"
            required
            minLength={10}
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </div>
        <p className="text-sm text-soft">You stay signed in here; every other sign-in ends at once. API keys stay.</p>
        {save.error && <Trouble error={save.error} />}
        <Saved busy={save.isPending} done={save.isSuccess} />
      </form>
    </Card>
  );
}

function Saved({ busy, done }: { busy: boolean; done: boolean }): ReactNode {
  return (
    <div className="flex items-center gap-3">
      <Button type="submit" busy={busy}>
        Save
      </Button>
      <span role="status" className="text-sm text-good">
        {done && "Saved."}
      </span>
    </div>
  );
}

function Data(): ReactNode {
  const [leaving, setLeaving] = useState(false);
  const fetchAll = useMutation({ mutationFn: myData, onSuccess: save });
  return (
    <Card title="Your data">
      <p className="text-sm text-soft">
        Download everything that is kept about you as one file, or erase the account for good.
      </p>
      {fetchAll.error && <Trouble error={fetchAll.error} />}
      <div className="flex flex-wrap gap-2">
        <Button icon="download" busy={fetchAll.isPending} onClick={() => fetchAll.mutate()}>
          Download
        </Button>
        <Button look="danger" icon="trash" onClick={() => setLeaving(true)}>
          Erase the account
        </Button>
      </div>
      <Dialog title="Erase the account?" open={leaving} onClose={() => setLeaving(false)}>
        <Erase />
      </Dialog>
    </Card>
  );
}

function Erase(): ReactNode {
  const [password, setPassword] = useState("");
  const erase = useMutation({ mutationFn: () => eraseMe(password) });
  return (
    <form onSubmit={submitting(() => erase.mutate())} className="grid gap-4">
      <p className="text-soft">
        Name and address go at once; photos, scenes and exports follow. This cannot be undone.
      </p>
      <PasswordField
        label="Your password"
        required
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {erase.error && <Trouble error={erase.error} />}
      <Button look="danger" type="submit" busy={erase.isPending}>
        Erase everything
      </Button>
    </form>
  );
}

function save(data: unknown): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 2)], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: "sharpstream-data.json" }).click();
  URL.revokeObjectURL(url);
}

const submitting = (act: () => void) => (event: FormEvent) => {
  event.preventDefault();
  act();
};
