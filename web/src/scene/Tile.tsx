import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { ended, nameOf, photoOf, scene, type SceneItem } from "../api/scenes";
import { steady } from "../lib/steady";
import type { Thumbnail } from "../lib/thumbnail";
import { ago, ordinal } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Picture } from "../ui/Picture";
import { Progress } from "../ui/states";
import { useProgress } from "./live";
import { progressOfStatus, STAGES } from "./stages";

type Props = {
  item: SceneItem;
  /** The picture of a photo that was sent from here, sooner than the store has one. */
  local?: Thumbnail | null | undefined;
  /** Whether the queue position is asked for; it is for the first few that wait. */
  counted?: boolean;
  onDelete: () => void;
};

/** A scene in the gallery: its picture, what it is called, and how far it is while it is being made. */
export function Tile({ item, local = null, counted = false, onDelete }: Props): ReactNode {
  const name = nameOf(item);
  const shape = ratioOf(item, local);
  const preview = item.preview_url && steady(`preview ${item.id}`, item.preview_url);
  const photo = !preview && !local ? photoOf(item) : null;
  return (
    <li style={{ "--ratio": shape } as React.CSSProperties} className="group relative" data-scene={item.id}>
      <Link to={`/scenes/${item.id}`} className="grid gap-2.5 rounded-2xl">
        <div
          className="relative overflow-hidden rounded-2xl bg-wash shadow-lift transition-transform duration-300 group-hover:-translate-y-0.5"
          style={{ aspectRatio: shape }}
        >
          <Picture sources={[preview, local?.url, photo]} alt="" lazy className="size-full object-cover" />
          {!ended(item.status) && <BeingMade item={item} counted={counted} />}
          {item.status === "failed" && <Veil>Failed: {item.error_message}</Veil>}
          {item.status === "cancelled" && <Veil>Cancelled</Veil>}
        </div>
        <div className="grid px-1 pr-10">
          <span className="truncate font-medium" title={name}>
            {name}
          </span>
          <span className="truncate text-sm text-soft">{ago(item.created_at)}</span>
        </div>
      </Link>
      {ended(item.status) && (
        <IconButton
          icon="trash"
          label={`Delete ${name}`}
          onClick={onDelete}
          className="absolute right-0 bottom-0 text-soft hover:bg-bad-wash hover:text-bad"
        />
      )}
    </li>
  );
}

/** Wide and tall photos are shown as they are, panoramas and slips within reason. */
function ratioOf({ metadata }: SceneItem, local: Thumbnail | null): number {
  const { width, height } = (metadata.image ?? {}) as { width?: number; height?: number };
  const ratio = width && height ? width / height : (local?.ratio ?? 1.5);
  return Math.min(2.2, Math.max(0.6, ratio));
}

function BeingMade({ item, counted }: { item: SceneItem; counted: boolean }): ReactNode {
  const progress = useProgress(item.id) ?? progressOfStatus(item.status);
  const { data } = useQuery({
    queryKey: ["scene", item.id],
    queryFn: () => scene(item.id),
    refetchInterval: 2_000,
    enabled: counted && item.status === "pending",
  });
  const turn = progress.stage === 0 && data?.queue ? `${ordinal(data.queue.position)} in line` : null;
  return (
    <div className="absolute inset-0 grid content-end gap-2 bg-gradient-to-t from-black/75 via-black/20 p-4 text-sm text-white">
      <span className="breathe font-medium">{turn ?? STAGES[progress.stage]?.title ?? "Nearly there"}</span>
      <Progress value={progress.fraction} label="How far the scene is" />
    </div>
  );
}

function Veil({ children }: { children: ReactNode }): ReactNode {
  return (
    <div className="absolute inset-0 grid place-items-center bg-black/65 p-4 text-center text-sm text-white">
      {children}
    </div>
  );
}
