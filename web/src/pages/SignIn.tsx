import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, Navigate, useSearchParams } from "react-router";

import { signIn, signUp } from "../api/account";
import { asApiError } from "../api/problem";
import { useSignedIn } from "../lib/useSignedIn";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { useTitle } from "../ui/Page";
import { Trouble } from "../ui/states";

/** Where to go afterwards: a path of this page, never another host. `other`: what the other form needs to go there too. */
function useBack(): { back: string; other: string } {
  const [query] = useSearchParams();
  const asked = query.get("back") ?? "/";
  const back = /^\/[^/\\]/.test(asked) ? asked : "/";
  return { back, other: back === "/" ? "" : `?back=${encodeURIComponent(back)}` };
}

export function SignIn(): ReactNode {
  useTitle("Sign in");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { back, other } = useBack();
  const enter = useMutation({ mutationFn: () => signIn(email, password) });
  if (useSignedIn()) return <Navigate to={back} replace />;
  return (
    <Entry
      title="Welcome back"
      onSubmit={() => enter.mutate()}
      other={
        <>
          New here?{" "}
          <Link to={`/sign-up${other}`} className="font-medium text-accent underline">
            Create account
          </Link>
        </>
      }
    >
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {enter.error && <Trouble error={enter.error} />}
      <Button look="main" type="submit" busy={enter.isPending}>
        Sign in
      </Button>
    </Entry>
  );
}

export function SignUp(): ReactNode {
  useTitle("Create account");
  const [account, setAccount] = useState({ first_name: "", last_name: "", email: "", password: "" });
  const { back, other } = useBack();
  const enter = useMutation({ mutationFn: () => signUp(account) });
  const problem = enter.error && asApiError(enter.error);
  const field = (name: keyof typeof account) => ({
    value: account[name],
    error: problem?.fields.find((each) => each.field === name)?.message,
    onChange: (event: { target: { value: string } }) => setAccount({ ...account, [name]: event.target.value }),
  });
  if (useSignedIn()) return <Navigate to={back} replace />;
  return (
    <Entry
      title="Create account"
      onSubmit={() => enter.mutate()}
      other={
        <>
          Have one already?{" "}
          <Link to={`/sign-in${other}`} className="font-medium text-accent underline">
            Sign in
          </Link>
        </>
      }
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="First name" autoComplete="given-name" maxLength={100} {...field("first_name")} />
        <Field label="Last name" autoComplete="family-name" maxLength={100} {...field("last_name")} />
      </div>
      <Field label="E-mail" type="email" autoComplete="username" required {...field("email")} />
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        required
        minLength={10}
        hint="Ten characters or more; a short sentence is best."
        {...field("password")}
      />
      {problem && !problem.fields.length && <Trouble error={problem} />}
      <Button look="main" type="submit" busy={enter.isPending}>
        Create account
      </Button>
    </Entry>
  );
}

function Entry({
  title,
  onSubmit,
  other,
  children,
}: {
  title: string;
  onSubmit: () => void;
  other: ReactNode;
  children: ReactNode;
}): ReactNode {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <div className="mx-auto grid w-full max-w-md gap-6 px-4 pt-12 pb-20 sm:pt-20">
      <h1 className="text-center text-3xl font-semibold">{title}</h1>
      <form onSubmit={submit} className="grid gap-5 rounded-3xl border border-line bg-card p-6 shadow-lift sm:p-8">
        {children}
      </form>
      <p className="text-center text-soft">{other}</p>
    </div>
  );
}
