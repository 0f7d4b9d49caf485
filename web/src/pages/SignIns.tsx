import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { endOthers, endSignIn, type SignIn, signIns } from "../api/signIns";
import { device } from "../lib/device";
import { ago } from "../lib/words";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Card } from "../ui/Page";
import { Badge, Rows, Trouble } from "../ui/states";

/** Where one is signed in. No address is kept, so none is shown. */
export function SignIns(): ReactNode {
  const queries = useQueryClient();
  const { data, error, refetch } = useQuery({ queryKey: ["sign-ins"], queryFn: signIns });
  const [asked, setAsked] = useState<"others" | null>(null);
  const again = () => queries.invalidateQueries({ queryKey: ["sign-ins"] });
  const end = useMutation({ mutationFn: endSignIn, onSettled: again });
  const others = useMutation({
    mutationFn: endOthers,
    onSuccess: () => {
      setAsked(null);
      return again();
    },
  });
  const further = data?.filter(({ current }) => !current).length ?? 0;
  return (
    <Card
      title="Signed in"
      aside={
        further > 0 && (
          <Button small look="danger" onClick={() => setAsked("others")}>
            End all others
          </Button>
        )
      }
    >
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {end.error && <Trouble error={end.error} />}
      {!data && !error && <Rows />}
      {data && <SignInList items={data} busy={end.isPending} onEnd={(id) => end.mutate(id)} />}
      <Confirm title="End all other sign-ins?" item={asked} onClose={() => setAsked(null)}>
        {() => (
          <Confirm.Body act="End them" keep="Leave them" mutation={others} onClose={() => setAsked(null)}>
            Every other browser and program that is signed in must sign in again. You stay signed in here, and API keys
            stay.
          </Confirm.Body>
        )}
      </Confirm>
    </Card>
  );
}

type ListProps = { items: SignIn[]; busy?: boolean; onEnd?: (id: string) => void };

export function SignInList({ items, busy = false, onEnd }: ListProps): ReactNode {
  return (
    <ul aria-label="Sign-ins" className="grid gap-3">
      {items.map((each) => (
        <li key={each.id} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <div className="grid min-w-0 gap-0.5">
            <p className="flex flex-wrap items-center gap-2.5 font-medium">
              {device(each.client)}
              {each.current && <Badge tone="accent">this one</Badge>}
            </p>
            <p className="text-sm text-soft">
              signed in {ago(each.created_at)} · last seen {ago(each.renewed_at)}
            </p>
          </div>
          {onEnd && !each.current && (
            <Button
              small
              look="danger"
              disabled={busy}
              aria-label={`End ${device(each.client)}, signed in ${ago(each.created_at)}`}
              onClick={() => onEnd(each.id)}
            >
              End
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
