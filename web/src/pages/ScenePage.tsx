import { type ReactNode, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { useModels } from "../api/models";
import { asApiError } from "../api/problem";

import { ended, nameOf, photoOf, type Scene } from "../api/scenes";
import { ago, exact } from "../lib/words";
import { DeleteDialog } from "../scene/DeleteDialog";
import { Exports } from "../scene/Exports";
import { factsOf } from "../scene/facts";
import { Making } from "../scene/Making";
import { SceneView } from "../scene/SceneView";
import { Sharing } from "../scene/Sharing";
import { TimingsPicture } from "../scene/TimingsPicture";
import { useScene } from "../scene/useScene";
import { Button, ButtonLink, shape } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Card, Page } from "../ui/Page";
import { Picture } from "../ui/Picture";
import { Empty, Trouble } from "../ui/states";

/** One scene: looked into, explained, taken elsewhere, shared. */
export function ScenePage(): ReactNode {
  const { id = "" } = useParams();
  const { data, error, refetch } = useScene(id);
  if (error && !data) {
    return (
      <Page title="Scene">
        {asApiError(error).status === 404 ? (
          <Empty icon="search" title="There is no such scene">
            It was deleted, or belongs to another account.
            <div className="pt-5">
              <ButtonLink to="/">To your scenes</ButtonLink>
            </div>
          </Empty>
        ) : (
          <Trouble error={error} retry={() => void refetch()} />
        )}
      </Page>
    );
  }
  if (!data) {
    return (
      <div role="status" aria-label="Loading the scene" className="mx-auto w-full max-w-6xl px-4 pt-8 sm:px-8">
        <div className="shimmer aspect-3/2 w-full rounded-3xl" />
      </div>
    );
  }
  return <Shown scene={data} />;
}

function Shown({ scene }: { scene: Scene }): ReactNode {
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const name = nameOf(scene);
  const isEnded = ended(scene.status);
  return (
    <Page
      wide
      title={name}
      lead={<span title={exact(scene.created_at)}>Sent {ago(scene.created_at)}</span>}
      actions={
        <>
          <ButtonLink to="/" icon="back">
            All scenes
          </ButtonLink>
          {scene.status === "completed" && (
            <>
              <a href="#take" className={shape({})}>
                <Icon name="download" /> Download
              </a>
              <a href="#share" className={shape({})}>
                <Icon name="share" /> Share
              </a>
            </>
          )}
        </>
      }
    >
      <Warned metadata={scene.metadata} />
      {!isEnded && <Making scene={scene} />}
      {scene.status === "completed" && <SceneView scene={scene} />}
      {isEnded && scene.status !== "completed" && <NotMade scene={scene} />}
      {scene.status === "completed" && (
        <div className="grid items-start gap-6 lg:grid-cols-2">
          <Exports sceneId={scene.id} splatUrl={scene.generated_3d_gaussian_url} />
          <div className="grid gap-6">
            <Sharing sceneId={scene.id} />
            {scene.timings && (
              <Card title="Where the time went">
                <TimingsPicture timings={scene.timings} />
              </Card>
            )}
            <Facts scene={scene} />
          </div>
        </div>
      )}
      {isEnded && (
        <div className="flex justify-end">
          <Button small look="danger" icon="trash" onClick={() => setDeleting(true)}>
            Delete this scene
          </Button>
        </div>
      )}
      <DeleteDialog
        scene={deleting ? { id: scene.id, name } : null}
        onClose={() => setDeleting(false)}
        onDone={() => void navigate("/")}
      />
    </Page>
  );
}

/** What the photo's file says against a true scene: a panorama, a fisheye. */
function Warned({ metadata }: { metadata: Scene["metadata"] }): ReactNode {
  const { warning } = (metadata.image ?? {}) as { warning?: string };
  return warning ? (
    <p role="note" className="rounded-2xl bg-wash px-4 py-3 text-soft">
      {warning}
    </p>
  ) : null;
}

function NotMade({ scene }: { scene: Scene }): ReactNode {
  return (
    <div className="grid items-start gap-8 md:grid-cols-2">
      <Picture sources={[photoOf(scene)]} alt="The photo" className="w-full rounded-3xl bg-wash shadow-lift" />
      <div role="status" className="grid gap-3">
        <h2 className="text-xl font-semibold">
          {scene.status === "failed" ? "This photo could not be made into a scene" : "This scene was stopped"}
        </h2>
        {scene.error_message && <p>{scene.error_message}</p>}
        {scene.error_code && <code className="font-mono text-sm text-bad">{scene.error_code}</code>}
      </div>
    </div>
  );
}

function Facts({ scene }: { scene: Scene }): ReactNode {
  const facts: [string, string][] = [...factsOf(scene.metadata, useModels()), ["Id", scene.id]];
  return (
    <Card title="Facts">
      <dl className="grid gap-2 text-sm">
        {facts.map(([term, text]) => (
          <div key={term} className="flex justify-between gap-4">
            <dt className="text-soft">{term}</dt>
            <dd className="min-w-0 text-right break-words">{text}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
