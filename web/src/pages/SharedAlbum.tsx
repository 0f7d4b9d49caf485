import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { albumScene, type SharedAlbum as Album, sharedAlbum } from "../api/albums";
import { asApiError } from "../api/problem";
import { nameOf, photoOf } from "../api/scenes";
import { day } from "../lib/words";
import { VIEWS_LOOK_MS, viewsAwaited } from "../scene/views";
import { ButtonLink, shape } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/Page";
import { Picture } from "../ui/Picture";
import { Empty, Rows, Trouble } from "../ui/states";
import { Viewer } from "../viewer/Viewer";

/** What somebody sees who was given the link of an album: its scenes. */
export function SharedAlbum(): ReactNode {
  const { token = "" } = useParams();
  const { data, error, refetch } = useAlbum(token);
  if (error) return <Gone error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <Page
      wide
      title={data.title}
      lead={`${data.items.length} scene${data.items.length === 1 ? "" : "s"}, shared with you until ${day(data.expires_at)}.`}
      actions={
        data.archive_url && (
          <a href={data.archive_url} download className={shape({})}>
            <Icon name="download" /> Download all (.zip)
          </a>
        )
      }
    >
      <ul aria-label="Scenes" className="pictures gap-y-8">
        {data.items.map((item) => {
          const ratio = Math.min(2.2, Math.max(0.6, item.width && item.height ? item.width / item.height : 1.5));
          const name = titleOf(item);
          return (
            <li key={item.position} style={{ "--ratio": ratio } as React.CSSProperties}>
              <Link to={`/a/${token}/${item.position}`} className="grid gap-2.5 rounded-2xl">
                <div className="overflow-hidden rounded-2xl bg-wash shadow-lift" style={{ aspectRatio: ratio }}>
                  <Picture
                    sources={[item.thumbnail_url, item.photo_url, item.preview_url]}
                    alt=""
                    lazy
                    className="size-full object-cover"
                  />
                </div>
                <span className="truncate px-1 font-medium" title={name}>
                  {name}
                </span>
              </Link>
            </li>
          );
        })}
      </ul>
      <p className="text-center text-soft">Each made from a single photo with Sharpstream.</p>
    </Page>
  );
}

/** One scene of an album, and the way to the next one: buttons, ← and →. */
export function SharedAlbumScene(): ReactNode {
  const { token = "", position = "" } = useParams();
  const navigate = useNavigate();
  const album = useAlbum(token).data;
  const [openedAt] = useState(Date.now);
  const found = useQuery({
    queryKey: ["album scene", token, position],
    queryFn: () => albumScene(token, Number(position)),
    staleTime: 45 * 60_000,
    refetchInterval: ({ state: { data: seen } }) => (seen && viewsAwaited(seen, openedAt) ? VIEWS_LOOK_MS : false),
  });
  const places = album?.items.map((item) => item.position) ?? [];
  const at = places.indexOf(Number(position));
  const [before, after] = [places[at - 1], places[at + 1]];
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target instanceof Element && event.target.closest("canvas, input, select, [role=slider]")) return;
      const to = event.key === "ArrowLeft" ? before : event.key === "ArrowRight" ? after : undefined;
      if (to === undefined) return;
      event.preventDefault();
      void navigate(`/a/${token}/${to}`, { replace: true });
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [before, after, token, navigate]);
  if (found.error) return <Gone error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  const { viewer_url, preview_url, width, height, focal_length_px: focal, download_url } = found.data;
  const photo = photoOf(found.data);
  const name = nameOf(found.data);
  return (
    <Page
      wide
      title={name}
      lead={album?.title}
      actions={
        <>
          {before !== undefined && (
            <ButtonLink replace to={`/a/${token}/${before}`} icon="back">
              Before
            </ButtonLink>
          )}
          {after !== undefined && (
            <ButtonLink replace to={`/a/${token}/${after}`} icon="next">
              Next
            </ButtonLink>
          )}
          <ButtonLink to={`/a/${token}`}>All scenes</ButtonLink>
        </>
      }
    >
      {viewer_url && width && height && focal ? (
        <Viewer
          key={position}
          name={name}
          url={viewer_url}
          frame={{ width, height, focal }}
          photo={photo}
          preview={preview_url}
          onRetry={() => void found.refetch()}
        />
      ) : (
        <>
          <Picture sources={[preview_url, photo]} alt="The scene" className="mx-auto max-h-[75vh] rounded-3xl" />
          {viewsAwaited(found.data, openedAt) && (
            <p role="status" className="text-center text-soft">
              Preparing the 3D view…
            </p>
          )}
        </>
      )}
      {download_url && (
        <p className="text-center">
          <a href={download_url} className={shape({})}>
            <Icon name="download" />
            Download the splat (.ply)
          </a>
        </p>
      )}
    </Page>
  );
}

/** One viewer is counted once, however often the album is read. */
function useAlbum(token: string) {
  const opened = useRef(false);
  return useQuery({
    queryKey: ["album", token],
    queryFn: async (): Promise<Album> => {
      const seen = await sharedAlbum(token, opened.current);
      opened.current = true;
      return seen;
    },
    staleTime: 45 * 60_000,
  });
}

const titleOf = ({ name, position }: { name: string | null; position: number }): string =>
  name ? nameOf({ name, created_at: "" }) : `Scene ${position}`;

function Loading(): ReactNode {
  return (
    <div className="mx-auto w-full max-w-6xl px-4 pt-8 sm:px-8">
      <Rows count={2} />
    </div>
  );
}

function Gone({ error, retry }: { error: unknown; retry: () => void }): ReactNode {
  return (
    <Page title="A shared album">
      {asApiError(error).status === 404 ? (
        <Empty icon="link" title="This link leads nowhere">
          It has run out or was ended, or a part of it is missing. Ask whoever gave it to you for a new one.
          <div className="pt-5">
            <ButtonLink to="/">To Sharpstream</ButtonLink>
          </div>
        </Empty>
      ) : (
        <Trouble error={error} retry={retry} />
      )}
    </Page>
  );
}
