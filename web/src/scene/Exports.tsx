import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { chosen, type Export, exportsOf, formats, type Options } from "../api/exports";
import type { Format } from "../api/formats";
import { exportSnippets } from "../api/snippets";
import { Button, IconButton } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Card } from "../ui/Page";
import { Rows, Trouble } from "../ui/states";
import { CallFromApi } from "./CallFromApi";
import { ExportOptions } from "./ExportOptions";
import { FileRow, MadeRow } from "./ExportRows";
import { FIRST, type Target, TARGETS } from "./targets";
import { useDownloads } from "./useDownloads";

const KINDS: [Format["kind"], string][] = [
  ["splat", "Splats"],
  ["mesh", "Meshes"],
  ["picture", "Pictures"],
  ["video", "Videos"],
  ["page", "Web pages"],
];
const REFETCH_MS = 1_500;
const NO_EXPORTS: Export[] = [];

type Props = { sceneId: string; name: string; splatUrl: string | null; onLook?: (made: Export) => void };

/** Take a scene elsewhere by one click: for whom, as what, and what was made before. */
export function Exports({ sceneId, name, splatUrl, onLook }: Props): ReactNode {
  const [asked, setAsked] = useState<Format | null>(null);
  const [target, setTarget] = useState<Target | null>(null);
  const made = useQuery({
    queryKey: ["exports", sceneId],
    queryFn: () => exportsOf(sceneId),
    refetchInterval: ({ state: { data } }) =>
      data?.some(({ status }) => !["completed", "failed"].includes(status)) ? REFETCH_MS : false,
  });
  const known = useQuery({ queryKey: ["formats"], queryFn: formats, staleTime: Number.POSITIVE_INFINITY });
  const { order, awaited } = useDownloads(sceneId, made.data ?? NO_EXPORTS);
  const formatOf = (name: string) => known.data?.find((format) => format.name === name);
  const button = (format: Format) => (
    <FormatButton
      key={format.name}
      format={format}
      busy={awaited.includes(format.name) || (order.isPending && order.variables.format === format.name)}
      onMake={() => order.mutate({ format: format.name })}
      onOptions={() => {
        order.reset();
        setAsked(format);
      }}
    />
  );
  const named = (names: string[]) => names.map(formatOf).filter((format): format is Format => format !== undefined);
  return (
    <Card id="take" title="Download">
      {known.isPending && <Rows count={2} />}
      {known.error && <Trouble error={known.error} retry={() => void known.refetch()} />}
      {known.data && (
        <div className="grid gap-4">
          <div className="flex flex-wrap gap-2">{named(FIRST).map(button)}</div>
          <div className="grid gap-2">
            <h3 className="text-sm font-medium text-soft">For</h3>
            <div className="flex flex-wrap gap-2">
              {TARGETS.map((each) => (
                <Button
                  small
                  key={each.name}
                  look="plain"
                  aria-expanded={target === each}
                  onClick={() => setTarget(target === each ? null : each)}
                  className="bg-wash aria-expanded:bg-accent-wash aria-expanded:text-accent"
                >
                  {each.name}
                </Button>
              ))}
            </div>
            {target && (
              <ul aria-label={`For ${target.name}`} className="grid gap-3 rounded-2xl bg-wash p-4">
                {target.formats.map(({ format, advice }) => (
                  <li key={format} className="grid gap-1.5">
                    <div className="flex">{named([format]).map(button)}</div>
                    <p className="text-sm text-soft">{advice}</p>
                  </li>
                ))}
              </ul>
            )}
          </div>
          <details>
            <summary className="min-h-9 w-fit rounded text-sm font-medium text-soft">All formats</summary>
            <div className="grid gap-4 pt-2">
              {KINDS.map(([kind, title]) => (
                <div key={kind} className="grid gap-2">
                  <h3 className="text-sm font-medium text-soft">{title}</h3>
                  <div className="flex flex-wrap gap-2">
                    {known.data.filter((format) => format.kind === kind).map(button)}
                  </div>
                </div>
              ))}
            </div>
          </details>
        </div>
      )}
      <p role="status" className={awaited.length ? "breathe text-sm text-accent" : "sr-only"}>
        {awaited.length > 0 && "The file is being made; its download begins when it is ready."}
      </p>
      {order.error && !asked && <Trouble error={order.error} />}
      {made.error && <Trouble error={made.error} retry={() => void made.refetch()} />}
      <ul aria-label="Exports" className="grid gap-2">
        {splatUrl && <FileRow title="PLY" about="the scene as it was made" href={splatUrl} />}
        {made.data?.map((each) => (
          <MadeRow key={each.id} made={each} format={formatOf(each.export_format)} {...(onLook && { onLook })} />
        ))}
      </ul>
      <Dialog title={asked ? `Options of ${asked.title}` : ""} open={asked !== null} onClose={() => setAsked(null)}>
        {asked && (
          <Ask
            sceneId={sceneId}
            name={name}
            format={asked}
            busy={order.isPending}
            error={order.error}
            onMake={(options) => order.mutate({ format: asked.name, options }, { onSuccess: () => setAsked(null) })}
          />
        )}
      </Dialog>
    </Card>
  );
}

type ButtonProps = { format: Format; busy: boolean; onMake: () => void; onOptions: () => void };

/** One click makes the file as most people want it; the cog has its options. */
function FormatButton({ format, busy, onMake, onOptions }: ButtonProps): ReactNode {
  const choices = Object.keys(format.options.properties ?? {}).length > 0;
  return (
    <span className="inline-flex items-center rounded-full border border-line bg-card">
      <Button small look="plain" icon="download" busy={busy} title={format.description} onClick={onMake}>
        {format.title}
      </Button>
      {choices && (
        <IconButton
          icon="cog"
          label={`Options of ${format.title}`}
          aria-haspopup="dialog"
          onClick={onOptions}
          className="-ml-2 text-soft hover:bg-wash [&]:size-9"
        />
      )}
    </span>
  );
}

type AskProps = {
  sceneId: string;
  name: string;
  format: Format;
  busy: boolean;
  error: unknown;
  onMake: (options: Options) => void;
};

function Ask({ sceneId, name, format, busy, error, onMake }: AskProps): ReactNode {
  const [options, setOptions] = useState<Options>({});
  const schemas = format.options.properties ?? {};
  const given = chosen(options, schemas);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onMake(given);
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <p className="text-soft">{format.description}</p>
      <ExportOptions schemas={schemas} values={options} onChange={setOptions} />
      {error !== null && <Trouble error={error} />}
      <Button look="main" type="submit" icon="download" busy={busy}>
        Create file
      </Button>
      <CallFromApi snippets={exportSnippets(location.origin, sceneId, name, format, given)} />
    </form>
  );
}
