import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { changeMe, eraseMe, me, type Me, myData, signOut } from "../api/account";
import { setTheme, type Theme, theme } from "../lib/theme";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Card, Page } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";

/** Oneself: name, password, looks, and leaving. */
export function Account(): ReactNode {
  const { data, error, refetch } = useQuery({ queryKey: ["me"], queryFn: me });
  return (
    <Page title="Account" lead={data?.email} actions={<Button onClick={() => void signOut()}>Sign out</Button>}>
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {!data && !error && <Rows />}
      {data && <NameCard who={data} />}
      <Looks />
      <Password />
      <Data />
    </Page>
  );
}

function NameCard({ who }: { who: Me }): ReactNode {
  const queries = useQueryClient();
  const [first_name, setFirst] = useState(who.first_name);
  const [last_name, setLast] = useState(who.last_name);
  const save = useMutation({ mutationFn: () => changeMe({ first_name, last_name }), onSuccess: (now) => queries.setQueryData(["me"], now) });
  return (
    <Card title="Name">
      <form onSubmit={submitting(() => save.mutate())} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="First name" maxLength={100} autoComplete="given-name" value={first_name} onChange={(event) => setFirst(event.target.value)} />
          <Field label="Last name" maxLength={100} autoComplete="family-name" value={last_name} onChange={(event) => setLast(event.target.value)} />
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

function Looks(): ReactNode {
  const [chosen, setChosen] = useState(theme());
  return (
    <Card title="Looks">
      <fieldset className="flex flex-wrap gap-2">
        <legend className="sr-only">Theme</legend>
        {THEMES.map(([value, text]) => (
          <label key={value} className="rounded-full border border-line px-4 py-2 text-sm has-checked:border-accent has-checked:bg-accent-wash has-focus-visible:outline-2">
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

function Password(): ReactNode {
  const [current_password, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const save = useMutation({ mutationFn: () => changeMe({ current_password, password }) });
  return (
    <Card title="Password">
      <form onSubmit={submitting(() => save.mutate())} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="The password so far" type="password" required autoComplete="current-password" value={current_password} onChange={(event) => setCurrent(event.target.value)} />
          <Field label="The new one" type="password" required minLength={10} autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        </div>
        <p className="text-sm text-soft">Every other sign-in ends with the old password, at once. API keys stay.</p>
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
  const [password, setPassword] = useState("");
  const fetchAll = useMutation({ mutationFn: myData, onSuccess: save });
  const erase = useMutation({ mutationFn: () => eraseMe(password) });
  return (
    <Card title="Your data">
      <p className="text-sm text-soft">All that is kept of you as one file; or leave, and take it all out for good.</p>
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
        <form onSubmit={submitting(() => erase.mutate())} className="grid gap-4">
          <p className="text-soft">Name and address go at once; photos, scenes and exports follow. There is no way back.</p>
          <Field label="Your password" type="password" required autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} />
          {erase.error && <Trouble error={erase.error} />}
          <Button look="danger" type="submit" busy={erase.isPending}>
            Erase everything
          </Button>
        </form>
      </Dialog>
    </Card>
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
