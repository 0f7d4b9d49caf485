import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { Link } from "react-router";

import { ended, nameOf, scene, type SceneItem } from "../api/scenes";
import { steady } from "../lib/steady";
import type { Thumbnail } from "../lib/thumbnail";
import { ago, ordinal } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Picture } from "../ui/Picture";
import { Progress } from "../ui/states";
import { warming } from "../viewer/warm";
import { useProgress } from "./live";
import { progressOfStatus, STAGES } from "./stages";

type Props = {
  item: SceneItem;
  /** The picture of a photo that was sent from here, sooner than the store has one. */
  local?: Thumbnail | null | undefined;
  /** Whether the queue position is asked for; it is for the first few that wait. */
  counted?: boolean;
  /** The address' part of the list that it stands in: the scene's page leads on along it. */
  list: string;
  /** Whether several are being chosen, and this one is. */
  selecting: boolean;
  chosen: boolean;
  onChoose: (range: boolean) => void;
  onDelete: () => void;
};

/** A scene in the gallery: its picture, what it is called, and how far it is while it is being made. */
export function Tile({
  item,
  local = null,
  counted = false,
  list,
  selecting,
  chosen,
  onChoose,
  onDelete,
}: Props): ReactNode {
  const name = nameOf(item);
  const shape = ratioOf(item, local);
  // Scenes of earlier releases lack the first, or the first two.
  const small = item.thumbnail_url && steady(`thumbnail ${item.id}`, item.thumbnail_url);
  const photo = item.photo_url && steady(`photo ${item.id}`, item.photo_url);
  return (
    <li style={{ "--ratio": shape } as React.CSSProperties} className="group relative" data-scene={item.id}>
      <Link
        {...warming}
        to={`/scenes/${item.id}`}
        state={{ list }}
        onClick={(event) => {
          if (!selecting || event.ctrlKey || event.metaKey) return;
          event.preventDefault(); // while several are chosen, a click chooses; the keyboard has the box
          onChoose(event.shiftKey);
        }}
        className="grid gap-2.5 rounded-2xl"
      >
        <div
          className={`relative overflow-hidden rounded-2xl bg-wash shadow-lift transition-transform duration-300 group-hover:-translate-y-0.5 ${chosen ? "ring-4 ring-accent" : ""}`}
          style={{ aspectRatio: shape }}
        >
          <Picture
            sources={[small, photo, item.preview_url, local?.url]}
            alt=""
            lazy
            className="size-full object-cover"
          />
          {!ended(item.status) && <BeingMade item={item} counted={counted} />}
          {item.status === "failed" && <Veil>Failed: {item.error_message}</Veil>}
          {item.status === "cancelled" && <Veil>Cancelled</Veil>}
        </div>
        <div className="grid px-1 pr-10">
          <span className="flex items-center gap-1.5 font-medium" title={name}>
            <span className="truncate">{name}</span>
            {item.favourite && (
              <span className="text-warm">
                <Icon name="star" className="size-4 [&_path]:fill-current" />
                <span className="sr-only">, a favourite</span>
              </span>
            )}
          </span>
          <span className="truncate text-sm text-soft">{ago(item.created_at)}</span>
        </div>
      </Link>
      <Choose name={name} shown={selecting} chosen={chosen} onChoose={onChoose} />
      {ended(item.status) && !selecting && (
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

type ChooseProps = { name: string; shown: boolean; chosen: boolean; onChoose: (range: boolean) => void };

/** The box that chooses a scene; it shows itself to who comes near, and to keys. */
function Choose({ name, shown, chosen, onChoose }: ChooseProps): ReactNode {
  const shift = useRef(false);
  return (
    <label
      className={`absolute top-1 left-1 grid size-11 place-items-center ${shown ? "" : "opacity-0 group-hover:opacity-100 focus-within:opacity-100 pointer-coarse:hidden"}`}
      onPointerDown={(event) => (shift.current = event.shiftKey)}
    >
      <input
        type="checkbox"
        aria-label={`Select ${name}`}
        checked={chosen}
        onKeyDown={(event) => (shift.current = event.shiftKey)}
        onChange={() => onChoose(shift.current)}
        className="size-5.5 rounded accent-(--accent) shadow-lift"
      />
    </label>
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
