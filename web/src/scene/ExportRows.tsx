import type { ReactNode } from "react";

import type { Export } from "../api/exports";
import type { Format } from "../api/formats";
import { ago, day, size } from "../lib/words";
import { Button } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Badge } from "../ui/states";

/** Meshes that the viewer can show. */
const SHOWN = ["glb_mesh", "obj"];

type Props = {
  made: Export;
  format: Format | undefined;
  /** What it is a file of, where the list has several scenes'. */
  of?: ReactNode;
  onLook?: (made: Export) => void;
};

/** An export: on its way, failed, erased, or to be downloaded again. */
export function MadeRow({ made, format, of, onLook }: Props): ReactNode {
  const title = format?.title ?? made.export_format.toUpperCase();
  const options = Object.entries(made.options).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  const about = [...options, made.bytes && size(made.bytes), ago(made.created_at)].filter(Boolean).join(" · ");
  if (made.status === "completed" && made.export_file_url) {
    const look = onLook && SHOWN.includes(made.export_format) ? () => onLook(made) : undefined;
    return <FileRow title={title} about={about} href={made.export_file_url} of={of} {...(look && { onLook: look })} />;
  }
  return (
    <li className="flex items-center justify-between gap-3 rounded-2xl bg-wash px-4 py-3">
      <span className="grid min-w-0">
        {of}
        <span className="font-medium">{title}</span>
        <span className="text-sm text-soft">{made.error_message ?? about}</span>
        {made.error_code && <code className="font-mono text-xs text-bad">{made.error_code}</code>}
      </span>
      {made.status === "failed" ? (
        <Badge tone="bad">failed</Badge>
      ) : made.erased_at ? (
        <Badge>erased {day(made.erased_at)}</Badge>
      ) : (
        <span role="status" className="breathe text-sm text-accent">
          creating it…
        </span>
      )}
    </li>
  );
}

type FileProps = { title: string; about: string; href: string; of?: ReactNode; onLook?: () => void };

export function FileRow({ title, about, href, of, onLook }: FileProps): ReactNode {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-2xl bg-wash px-4 py-3 transition-colors hover:bg-accent-wash">
      <span className="grid min-w-0 flex-1 basis-48">
        {of}
        <span className="font-medium">{title}</span>
        <span className="text-sm text-soft">{about}</span>
      </span>
      {onLook && (
        <Button small look="plain" icon="image" onClick={onLook}>
          Look at it
        </Button>
      )}
      <a href={href} download className="flex min-h-9 items-center gap-2 rounded text-sm font-medium text-accent">
        <Icon name="download" /> Download<span className="sr-only">{` ${title}, ${about}`}</span>
      </a>
    </li>
  );
}
