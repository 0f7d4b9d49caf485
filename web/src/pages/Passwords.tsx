import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation } from "react-router";

import { askReset, confirmEmail, resetPassword, signInOptions } from "../api/links";
import { tokenIn } from "../lib/token";
import { Button, ButtonLink } from "../ui/Button";
import { Elsewhere, Entry } from "../ui/Entry";
import { Field } from "../ui/Field";
import { useTitle } from "../ui/Page";
import { PasswordField } from "../ui/PasswordField";
import { Note, Rows, Trouble } from "../ui/states";

const back = <Elsewhere to="/sign-in">Back to signing in</Elsewhere>;

/** By mail where the service sends any; else it says who can help. */
export function ForgotPassword(): ReactNode {
  useTitle("Forgotten password");
  const [email, setEmail] = useState("");
  const { data, error, refetch } = useQuery({ queryKey: ["sign-in options"], queryFn: signInOptions });
  const ask = useMutation({ mutationFn: () => askReset(email) });
  if (!data) {
    return (
      <Entry title="Forgotten password" other={back}>
        {error ? <Trouble error={error} retry={() => void refetch()} /> : <Rows count={2} />}
      </Entry>
    );
  }
  if (!data.mail) {
    return (
      <Entry title="Forgotten password" other={back}>
        <p>
          This service sends no mail. Ask an admin of it for a link to set a new password: it works once, and your
          scenes stay as they are.
        </p>
      </Entry>
    );
  }
  if (ask.data) {
    return (
      <Entry title="Look into your mail" other={back}>
        <p role="status">{ask.data}</p>
        <p className="text-soft">Nothing there after a few minutes? Try the folder for spam, or another address.</p>
        <Button onClick={() => ask.reset()}>Try another address</Button>
      </Entry>
    );
  }
  return (
    <Entry title="Forgotten password" onSubmit={() => ask.mutate()} other={back}>
      <p className="text-soft">We send you a link to set a new one. Your scenes stay as they are.</p>
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      {ask.error && <Trouble error={ask.error} />}
      <Button look="main" type="submit" busy={ask.isPending}>
        Send the link
      </Button>
    </Entry>
  );
}

/** Where a link for a forgotten password leads, an admin's or a mailed one. */
export function ResetPassword(): ReactNode {
  useTitle("New password");
  const token = tokenIn(useLocation().hash);
  const [password, setPassword] = useState("");
  const set = useMutation({ mutationFn: () => resetPassword(token ?? "", password) });
  if (set.isSuccess) {
    return (
      <Entry title="Done">
        <p role="status">
          The new password is set, and you are signed in here. Every other sign-in has ended; API keys stay, so revoke
          those that you do not know.
        </p>
        <ButtonLink look="main" to="/">
          To your scenes
        </ButtonLink>
      </Entry>
    );
  }
  if (!token) return <Incomplete title="New password" />;
  return (
    <Entry title="New password" onSubmit={() => set.mutate()} other={back}>
      <PasswordField
        label="New password"
        autoComplete="new-password"
        required
        minLength={10}
        hint="Ten characters or more; a short sentence is best."
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <p className="text-sm text-soft">Every sign-in of the account ends, and you are signed in here.</p>
      {set.error && <Trouble error={set.error} />}
      {set.error && <Elsewhere to="/forgot-password">Ask for a new link</Elsewhere>}
      <Button look="main" type="submit" busy={set.isPending}>
        Set the password
      </Button>
    </Entry>
  );
}

/** Where the link in a mail to a new address leads. It acts by a press: programs that read mail open links, too. */
export function ConfirmEmail(): ReactNode {
  useTitle("New address");
  const token = tokenIn(useLocation().hash);
  const confirm = useMutation({ mutationFn: () => confirmEmail(token ?? "") });
  if (!token) return <Incomplete title="New address" />;
  return (
    <Entry title="New address" other={<Elsewhere to="/">To the first page</Elsewhere>}>
      {confirm.data ? (
        <Note>
          You sign in as <span className="font-medium break-all">{confirm.data}</span> from now on.
        </Note>
      ) : (
        <>
          <p>Confirm that this address is yours. You sign in with it from then on.</p>
          {confirm.error && <Trouble error={confirm.error} />}
          <Button look="main" busy={confirm.isPending} onClick={() => confirm.mutate()}>
            Confirm this address
          </Button>
        </>
      )}
    </Entry>
  );
}

function Incomplete({ title }: { title: string }): ReactNode {
  return (
    <Entry title={title} other={back}>
      <p>This link is not whole. Open it again from the mail, or copy all of it, up to its last letter.</p>
    </Entry>
  );
}
