import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { type Share, share, type ShareOptions, shares, unshare } from "../api/shares";
import { ago, day, exact, many } from "../lib/words";
import { Button, IconButton } from "../ui/Button";
import { Select, Tick } from "../ui/Field";
import { Card } from "../ui/Page";
import { Trouble } from "../ui/states";
import { ShareLink } from "./ShareLink";
import { SPANS } from "./spans";

/** Links by which anybody can look at a scene for a while. */
export function Sharing({ sceneId, name }: { sceneId: string; name: string }): ReactNode {
  const queries = useQueryClient();
  const [options, setOptions] = useState<ShareOptions>({
    expires_in_hours: 168,
    show_photo: true,
    allow_download: false,
  });
  const [made, setMade] = useState<string | null>(null);
  const key = ["shares", sceneId];
  const live = useQuery({ queryKey: key, queryFn: () => shares(sceneId) });
  const again = () => queries.invalidateQueries({ queryKey: key });
  const make = useMutation({
    mutationFn: () => share(sceneId, options),
    onSuccess: ({ id }) => {
      setMade(id);
      return again();
    },
  });
  const end = useMutation({ mutationFn: unshare, onSuccess: again });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  const change = (part: Partial<ShareOptions>) => setOptions({ ...options, ...part });
  return (
    <Card id="share" title="Share">
      <p className="text-sm text-soft">
        Anybody with the link can look into the scene, never at the file that you sent or what it says of places and
        people. Nobody can change anything.
      </p>
      <form onSubmit={submit} className="grid gap-3">
        <Select
          label="Expires after"
          value={options.expires_in_hours}
          onChange={(event) => change({ expires_in_hours: Number(event.target.value) })}
        >
          {SPANS.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </Select>
        <div>
          <Tick
            label="Show the photo beside it"
            checked={options.show_photo}
            onChange={(event) => change({ show_photo: event.target.checked })}
          />
          <Tick
            label="Allow downloading the splat"
            checked={options.allow_download}
            onChange={(event) => change({ allow_download: event.target.checked })}
          />
        </div>
        <Button look="main" type="submit" icon="link" busy={make.isPending}>
          Create link
        </Button>
      </form>
      {(make.error ?? end.error ?? live.error) && <Trouble error={make.error ?? end.error ?? live.error} />}
      {!!live.data?.length && (
        <ul aria-label="Live links" className="grid divide-y divide-line">
          {live.data.map((each) => (
            <LiveLink
              key={each.id}
              share={each}
              name={name}
              open={each.id === made}
              onEnd={() => end.mutate(each.id)}
            />
          ))}
        </ul>
      )}
    </Card>
  );
}

function LiveLink({
  share: { created_at, expires_at, url, embed_html, opened, show_photo, allow_download },
  name,
  open,
  onEnd,
}: {
  share: Share;
  name: string;
  open: boolean;
  onEnd: () => void;
}): ReactNode {
  const extras = [!show_photo && "photo hidden", allow_download && "with download"].filter(Boolean);
  return (
    <li className="grid gap-2 py-2">
      <div className="flex items-center justify-between gap-3">
        <span className="text-sm" title={`${exact(created_at)}, until ${day(expires_at)}`}>
          {[
            `Created ${ago(created_at)}, ends ${ago(expires_at)}`,
            opened === 1 ? "opened once" : `opened ${many(opened)} times`,
            ...extras,
          ].join(", ")}
        </span>
        <IconButton
          icon="trash"
          label={`End the link created ${ago(created_at)}`}
          onClick={onEnd}
          className="text-soft hover:bg-bad-wash hover:text-bad"
        />
      </div>
      {url && embed_html && (
        <details open={open} className="text-sm">
          <summary className="min-h-9 cursor-pointer text-soft">The link</summary>
          <ShareLink url={url} embed={embed_html} name={name} />
        </details>
      )}
    </li>
  );
}
