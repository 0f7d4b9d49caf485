import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import type { Me } from "../api/account";
import { changeEmail } from "../api/links";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Card } from "../ui/Page";
import { PasswordField } from "../ui/PasswordField";
import { Trouble } from "../ui/states";

/** Another address to sign in with; where the service sends mail, it is confirmed by a link first. */
export function EmailCard({ who }: { who: Me }): ReactNode {
  const queries = useQueryClient();
  const [email, setEmail] = useState("");
  const [proof, setProof] = useState("");
  const change = useMutation({
    mutationFn: () => changeEmail(email, proof),
    onSuccess: (answer) => {
      setEmail("");
      setProof("");
      if (!answer.confirm_by_mail) queries.setQueryData(["me"], { ...who, email: answer.email });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Card title="E-mail">
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="New address"
            type="email"
            required
            autoComplete="email"
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
          <PasswordField
            label="Your password, as proof"
            required
            autoComplete="current-password"
            value={proof}
            onChange={(event) => setProof(event.target.value)}
          />
        </div>
        {change.error && <Trouble error={change.error} />}
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" busy={change.isPending}>
            Change the address
          </Button>
          <span role="status" className="text-sm text-good">
            {change.data &&
              (change.data.confirm_by_mail
                ? `Open the link that was sent to ${change.data.email}; until then nothing changes.`
                : `You sign in as ${change.data.email} from now on.`)}
          </span>
        </div>
      </form>
    </Card>
  );
}
