import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Navigate, useSearchParams } from "react-router";

import { signIn } from "../api/account";
import { useSignedIn } from "../lib/useSignedIn";
import { WaitingPhotos } from "../scene/WaitingPhotos";
import { Button } from "../ui/Button";
import { Elsewhere, Entry } from "../ui/Entry";
import { Field } from "../ui/Field";
import { useTitle } from "../ui/Page";
import { PasswordField } from "../ui/PasswordField";
import { Trouble } from "../ui/states";

/** Where to go afterwards: a path of this page, never another host. `other`: what the other form needs to go there too. */
export function useBack(): { back: string; other: string } {
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
      above={<WaitingPhotos />}
      onSubmit={() => enter.mutate()}
      other={
        <>
          New here? <Elsewhere to={`/sign-up${other}`}>Create account</Elsewhere>
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
      <PasswordField
        label="Password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {enter.error && <Trouble error={enter.error} />}
      <Button look="main" type="submit" busy={enter.isPending}>
        Sign in
      </Button>
      <p className="text-center text-sm">
        <Elsewhere to="/forgot-password">Forgot it?</Elsewhere>
      </p>
    </Entry>
  );
}
