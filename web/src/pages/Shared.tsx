import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { asApiError } from "../api/problem";
import { nameOf } from "../api/scenes";
import { type Shared as SharedScene, shared } from "../api/shares";
import { day } from "../lib/words";
import { ButtonLink } from "../ui/Button";
import { Page } from "../ui/Page";
import { Empty, Trouble } from "../ui/states";
import type { Frame } from "../viewer/frame";
import { Viewer } from "../viewer/Viewer";

/** What somebody sees who was given a link: the scene, and nothing else. */
export function Shared(): ReactNode {
  const { token = "" } = useParams();
  const { data, error, refetch } = useQuery({ queryKey: ["shared", token], queryFn: () => shared(token), staleTime: 45 * 60_000 });
  if (error) return <Gone error={error} retry={() => void refetch()} />;
  if (!data) return <div role="status" aria-label="Loading the scene" className="shimmer mx-auto mt-8 aspect-3/2 w-[min(70rem,calc(100%-2rem))] rounded-3xl" />;
  const frame = frameOfShared(data);
  const picture = data.preview_url ?? data.photo_url;
  const name = nameOf(data);
  return (
    <Page wide title={name} lead={`Shared with you until ${day(data.expires_at)}.`}>
      {data.viewer_url && frame ? (
        <Viewer name={name} url={data.viewer_url} frame={frame} photo={data.photo_url} preview={data.preview_url} />
      ) : (
        picture && <img src={picture} alt="The scene" className="mx-auto max-h-[75vh] rounded-3xl" />
      )}
      <p className="text-center text-soft">Made from a single photo with Sharpstream.</p>
    </Page>
  );
}

function frameOfShared({ width, height, focal_length_px: focal }: SharedScene): Frame | null {
  return width && height && focal ? { width, height, focal } : null;
}

function Gone({ error, retry }: { error: unknown; retry: () => void }): ReactNode {
  return (
    <Page title="A shared scene">
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
