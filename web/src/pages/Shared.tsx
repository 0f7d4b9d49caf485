import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useParams } from "react-router";

import { asApiError } from "../api/problem";
import { nameOf, photoOf } from "../api/scenes";
import { type Shared as SharedScene, shared } from "../api/shares";
import { startOf } from "../api/startView";
import { day } from "../lib/words";
import { ButtonLink, shape } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/Page";
import { VIEWS_LOOK_MS, viewsAwaited } from "../scene/views";
import { Picture } from "../ui/Picture";
import { Empty, Trouble } from "../ui/states";
import { type Frame, scaleOf } from "../viewer/frame";
import { Viewer } from "../viewer/Viewer";
import { warmViewer } from "../viewer/warm";

/** What somebody sees who was given a link: the scene, and nothing else. */
export function Shared(): ReactNode {
  const { token = "" } = useParams();
  const { data, error, refetch, waits } = useShared(token);
  if (error) return <Gone error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <div
        role="status"
        aria-label="Loading the scene"
        className="shimmer mx-auto mt-8 aspect-3/2 w-[min(70rem,calc(100%-2rem))] rounded-3xl"
      />
    );
  const frame = frameOfShared(data);
  const photo = photoOf(data);
  const name = nameOf(data);
  return (
    <Page wide title={name} lead={`Shared with you until ${day(data.expires_at)}.`}>
      {data.viewer_url && frame ? (
        <Viewer
          name={name}
          url={data.viewer_url}
          frame={frame}
          photo={photo}
          preview={data.preview_url}
          start={startOf(data)}
          scale={scaleOf(data)}
          onRetry={() => void refetch()}
        />
      ) : (
        <>
          <Picture sources={[data.preview_url, photo]} alt="The scene" className="mx-auto max-h-[75vh] rounded-3xl" />
          {waits && (
            <p role="status" className="text-center text-soft">
              Preparing the 3D view…
            </p>
          )}
        </>
      )}
      {data.download_url && (
        <p className="text-center">
          <a href={data.download_url} className={shape({})}>
            <Icon name="download" />
            Download the splat (.ply)
          </a>
        </p>
      )}
      <p className="text-center text-soft">Made from a single photo with Sharpstream.</p>
    </Page>
  );
}

/** The same in a frame of another page: nothing but the scene, and a way to its own page. */
export function Embedded(): ReactNode {
  const { token = "" } = useParams();
  const { data, error, refetch, waits } = useShared(token);
  const frame = data && frameOfShared(data);
  const name = data ? nameOf(data) : "A 3D scene";
  useEffect(() => {
    document.title = `${name} · Sharpstream`;
  }, [name]);
  return (
    <main className="fixed inset-0 bg-stage text-white">
      {error ? (
        <p role="alert" className="grid h-full place-items-center p-6 text-center">
          {asApiError(error).status === 404
            ? "This scene is no longer shared."
            : "The scene cannot be fetched now. Reload the page to try again."}
        </p>
      ) : data?.viewer_url && frame ? (
        <Viewer
          fill
          name={name}
          url={data.viewer_url}
          frame={frame}
          photo={photoOf(data)}
          preview={data.preview_url}
          start={startOf(data)}
          onRetry={() => void refetch()}
        />
      ) : (
        <div className="relative h-full">
          {data && (
            <Picture
              sources={[data.preview_url, photoOf(data)]}
              alt="The scene"
              className="absolute inset-0 size-full object-contain"
            />
          )}
          {(!data || waits) && (
            <p role="status" className="absolute inset-x-0 bottom-0 p-5 text-center">
              Preparing the 3D view…
            </p>
          )}
        </div>
      )}
      <a
        href={`/s/${token}`}
        target="_blank"
        rel="noopener"
        className="absolute top-2 left-2 rounded-full bg-black/45 px-3.5 py-2 text-sm text-white backdrop-blur-md hover:bg-black/65"
      >
        Sharpstream
      </a>
    </main>
  );
}

/** The scene of a token, looked at again until its views are made or hopeless; one viewer is counted once. */
function useShared(token: string) {
  const [openedAt] = useState(Date.now);
  const opened = useRef(false);
  useEffect(warmViewer, []);
  const found = useQuery({
    queryKey: ["shared", token],
    queryFn: async () => {
      const seen = await shared(token, opened.current);
      opened.current = true;
      return seen;
    },
    staleTime: 45 * 60_000,
    refetchInterval: ({ state: { data: seen } }) => (seen && viewsAwaited(seen, openedAt) ? VIEWS_LOOK_MS : false),
  });
  return { ...found, waits: !!found.data && viewsAwaited(found.data, openedAt) };
}

function frameOfShared({ width, height, focal_length_px: focal }: SharedScene): Frame | null {
  return width && height && focal ? { width, height, focal } : null;
}

function Gone({ error, retry }: { error: unknown; retry: () => void }): ReactNode {
  return (
    <Page title="A shared scene">
      {[404, 410].includes(asApiError(error).status) ? (
        <Empty icon="link" title="This link does not work">
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
