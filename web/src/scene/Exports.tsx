import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { chosen, type Export, exportsOf, formats, makeExport, type Options } from "../api/exports";
import type { Format } from "../api/formats";
import { ago } from "../lib/words";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/icons";
import { Card } from "../ui/Page";
import { Badge, Rows, Trouble } from "../ui/states";
import { ExportOptions } from "./ExportOptions";

const KINDS: [Format["kind"], string][] = [
  ["splat", "Splats"],
  ["mesh", "Meshes"],
  ["picture", "Pictures"],
  ["video", "Videos"],
];
const REFETCH_MS = 1_500;

/** Take a scene elsewhere: what was made, and what can be. */
export function Exports({ sceneId, splatUrl }: { sceneId: string; splatUrl: string | null }): ReactNode {
  const [asked, setAsked] = useState<Format | null>(null);
  const made = useQuery({
    queryKey: ["exports", sceneId],
    queryFn: () => exportsOf(sceneId),
    refetchInterval: ({ state: { data } }) =>
      data?.some(({ status }) => !["completed", "failed"].includes(status)) ? REFETCH_MS : false,
  });
  const known = useQuery({ queryKey: ["formats"], queryFn: formats, staleTime: Number.POSITIVE_INFINITY });
  return (
    <Card id="take" title="Download">
      {made.error && <Trouble error={made.error} retry={() => void made.refetch()} />}
      <ul aria-label="Exports" className="grid gap-2">
        {splatUrl && <Row title="PLY" about="the scene as it was made" href={splatUrl} />}
        {made.data?.map((each) => (
          <Made key={each.id} made={each} format={known.data?.find(({ name }) => name === each.export_format)} />
        ))}
      </ul>
      {known.isPending && <Rows count={2} />}
      {known.error && <Trouble error={known.error} retry={() => void known.refetch()} />}
      <div className="grid gap-4 pt-1">
        {KINDS.map(([kind, title]) => (
          <div key={kind} className="grid gap-2">
            <h3 className="text-sm font-medium text-soft">{title}</h3>
            <div className="flex flex-wrap gap-2">
              {known.data
                ?.filter((format) => format.kind === kind)
                .map((format) => (
                  <Button
                    small
                    key={format.name}
                    aria-haspopup="dialog"
                    title={format.description}
                    onClick={() => setAsked(format)}
                  >
                    {format.title}
                  </Button>
                ))}
            </div>
          </div>
        ))}
      </div>
      <Dialog title={asked ? `Export as ${asked.title}` : ""} open={asked !== null} onClose={() => setAsked(null)}>
        {asked && <Ask sceneId={sceneId} format={asked} onDone={() => setAsked(null)} />}
      </Dialog>
    </Card>
  );
}

function Ask({ sceneId, format, onDone }: { sceneId: string; format: Format; onDone: () => void }): ReactNode {
  const queries = useQueryClient();
  const [options, setOptions] = useState<Options>({});
  const make = useMutation({
    mutationFn: () => makeExport(sceneId, format.name, chosen(options, format.options.properties ?? {})),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["exports", sceneId] });
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <p className="text-soft">{format.description}</p>
      <ExportOptions schemas={format.options.properties ?? {}} values={options} onChange={setOptions} />
      {make.error && <Trouble error={make.error} />}
      <Button look="main" type="submit" busy={make.isPending}>
        Create file
      </Button>
    </form>
  );
}

function Made({ made, format }: { made: Export; format: Format | undefined }): ReactNode {
  const title = format?.title ?? made.export_format.toUpperCase();
  const options = Object.entries(made.options).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  const about = [...options, ago(made.created_at)].join(" · ");
  if (made.status === "completed" && made.export_file_url)
    return <Row title={title} about={about} href={made.export_file_url} />;
  return (
    <li className="flex items-center justify-between gap-3 rounded-2xl bg-wash px-4 py-3">
      <span className="grid">
        <span className="font-medium">{title}</span>
        <span className="text-sm text-soft">{made.error_message ?? about}</span>
        {made.error_code && <code className="font-mono text-xs text-bad">{made.error_code}</code>}
      </span>
      {made.status === "failed" ? (
        <Badge tone="bad">failed</Badge>
      ) : (
        <span role="status" className="breathe text-sm text-accent">
          creating it…
        </span>
      )}
    </li>
  );
}

function Row({ title, about, href }: { title: string; about: string; href: string }): ReactNode {
  return (
    <li>
      <a
        href={href}
        download
        className="flex items-center justify-between gap-3 rounded-2xl bg-wash px-4 py-3 transition-colors hover:bg-accent-wash"
      >
        <span className="grid">
          <span className="font-medium">{title}</span>
          <span className="text-sm text-soft">{about}</span>
        </span>
        <span className="flex items-center gap-2 text-sm font-medium text-accent">
          <Icon name="download" /> <span className="sr-only sm:not-sr-only">Download</span>
        </span>
      </a>
    </li>
  );
}
