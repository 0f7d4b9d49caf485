import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { share, shares, unshare } from "../api/shares";
import { ago, day, exact } from "../lib/words";
import { Button, IconButton } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Select } from "../ui/Field";
import { Card } from "../ui/Page";
import { Trouble } from "../ui/states";

const SPANS: [number, string][] = [
  [24, "a day"],
  [168, "a week"],
  [720, "a month"],
  [8760, "a year"],
];

/** Links by which anybody can look at a scene for a while. */
export function Sharing({ sceneId }: { sceneId: string }): ReactNode {
  const queries = useQueryClient();
  const [hours, setHours] = useState(168);
  const key = ["shares", sceneId];
  const live = useQuery({ queryKey: key, queryFn: () => shares(sceneId) });
  const again = () => queries.invalidateQueries({ queryKey: key });
  const make = useMutation({ mutationFn: () => share(sceneId, hours), onSuccess: again });
  const end = useMutation({
    mutationFn: unshare,
    onSuccess: (_, id) => {
      if (make.data?.id === id) make.reset();
      return again();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Card id="share" title="Share">
      <p className="text-sm text-soft">
        Anybody with the link can look into the scene and compare it with the photo, shown without the file that you
        sent and what it says of places and people. Nobody can change anything.
      </p>
      <form onSubmit={submit} className="flex items-end gap-2">
        <div className="flex-1">
          <Select label="Good for" value={hours} onChange={(event) => setHours(Number(event.target.value))}>
            {SPANS.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </Select>
        </div>
        <Button look="main" type="submit" icon="link" busy={make.isPending}>
          Create link
        </Button>
      </form>
      {make.data && (
        <div className="grid gap-1.5">
          <Copy text={make.data.url} label="the link" />
          <p className="text-sm text-soft">
            Good until {day(make.data.expires_at)}. Copy it now: the list below does not show it again, but you can
            create another at any time.
          </p>
        </div>
      )}
      {(make.error ?? end.error ?? live.error) && <Trouble error={make.error ?? end.error ?? live.error} />}
      {!!live.data?.length && (
        <ul aria-label="Live links" className="grid divide-y divide-line">
          {live.data.map(({ id, created_at, expires_at }) => (
            <li key={id} className="flex items-center justify-between gap-3 py-1">
              <span className="text-sm" title={exact(created_at)}>
                Created {ago(created_at)}, ends {ago(expires_at)}
              </span>
              <IconButton
                icon="trash"
                label={`End the link created ${ago(created_at)}`}
                onClick={() => end.mutate(id)}
                className="text-soft hover:bg-bad-wash hover:text-bad"
              />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
