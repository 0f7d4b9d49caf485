import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Navigate, useLocation } from "react-router";

import { signUp } from "../api/account";
import { signInOptions } from "../api/links";
import { asApiError } from "../api/problem";
import { tokenIn } from "../lib/token";
import { useSignedIn } from "../lib/useSignedIn";
import { WaitingPhotos } from "../scene/WaitingPhotos";
import { Button } from "../ui/Button";
import { Elsewhere, Entry } from "../ui/Entry";
import { Field } from "../ui/Field";
import { useTitle } from "../ui/Page";
import { PasswordField } from "../ui/PasswordField";
import { Note, Rows, Trouble } from "../ui/states";
import { useBack } from "./SignIn";

/** A new account, as the service allows it: for anyone, by invitation (its link ends in a token), or not at all. */
export function SignUp(): ReactNode {
  useTitle("Create account");
  const { hash } = useLocation();
  const [invite, setInvite] = useState<string | null>(tokenIn(hash));
  const { back, other } = useBack();
  const { data, error, isPending, refetch } = useQuery({ queryKey: ["sign-in options"], queryFn: signInOptions });
  if (useSignedIn()) return <Navigate to={back} replace />;
  const signIn = (
    <>
      Already have an account? <Elsewhere to={`/sign-in${other}`}>Sign in</Elsewhere>
    </>
  );
  if (isPending || error) {
    return (
      <Entry title="Create account" other={signIn}>
        {isPending ? <Rows /> : <Trouble error={error} retry={() => void refetch()} />}
      </Entry>
    );
  }
  if (data.registration === "closed") {
    return (
      <Entry title="No new accounts" other={signIn}>
        <p>This service makes no new accounts. If you should have one, ask the person who runs it.</p>
      </Entry>
    );
  }
  if (data.registration === "invite" && !invite) return <Invitation onGiven={setInvite} signIn={signIn} />;
  return (
    <Form
      invite={invite}
      signIn={signIn}
      onOther={() => setInvite(null)}
      byInvitation={data.registration === "invite"}
    />
  );
}

function Invitation({ onGiven, signIn }: { onGiven: (token: string) => void; signIn: ReactNode }): ReactNode {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const go = () => {
    const token = tokenIn(text);
    setWrong(!token);
    if (token) onGiven(token);
  };
  return (
    <Entry title="By invitation" onSubmit={go} other={signIn}>
      <p>Accounts are made by invitation here. Open the link that you were sent, or put it in below.</p>
      <p className="text-soft">You have none? Ask an admin of this service; each one works once.</p>
      <Field
        label="Invitation"
        required
        autoComplete="off"
        value={text}
        error={wrong ? "This is no invitation: copy the whole link." : undefined}
        onChange={(event) => setText(event.target.value)}
      />
      <Button look="main" type="submit">
        Go on
      </Button>
    </Entry>
  );
}

type FormProps = { invite: string | null; byInvitation: boolean; signIn: ReactNode; onOther: () => void };

function Form({ invite, byInvitation, signIn, onOther }: FormProps): ReactNode {
  const [account, setAccount] = useState({ first_name: "", last_name: "", email: "", password: "" });
  const enter = useMutation({ mutationFn: () => signUp({ ...account, ...(invite && { invite }) }) });
  const problem = enter.error && asApiError(enter.error);
  const field = (name: keyof typeof account) => ({
    value: account[name],
    error: problem?.fields.find((each) => each.field === name)?.message,
    onChange: (event: { target: { value: string } }) => setAccount({ ...account, [name]: event.target.value }),
  });
  return (
    <Entry title="Create account" above={<WaitingPhotos />} onSubmit={() => enter.mutate()} other={signIn}>
      {byInvitation && <Note>You are invited: the invitation is used up when the account is made.</Note>}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="First name" autoComplete="given-name" maxLength={100} {...field("first_name")} />
        <Field label="Last name" autoComplete="family-name" maxLength={100} {...field("last_name")} />
      </div>
      <Field label="E-mail" type="email" autoComplete="username" required {...field("email")} />
      <PasswordField
        label="Password"
        autoComplete="new-password"
        required
        minLength={10}
        hint="Ten characters or more; a short sentence is best."
        {...field("password")}
      />
      {problem && !problem.fields.length && <Trouble error={problem} />}
      {problem?.code === "invite_invalid" && <Button onClick={onOther}>Use another invitation</Button>}
      <Button look="main" type="submit" busy={enter.isPending}>
        Create account
      </Button>
    </Entry>
  );
}
