import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation, useNavigate, useParams } from "react-router";

import type { Export } from "../api/exports";
import { useModels } from "../api/models";
import { asApiError } from "../api/problem";

import { ended, nameOf, photoOf, type Scene } from "../api/scenes";
import { sceneSnippets } from "../api/snippets";
import { ago, exact } from "../lib/words";
import { CallFromApi } from "../scene/CallFromApi";
import { DeleteDialog } from "../scene/DeleteDialog";
import { MadeByDemoModel } from "../scene/DemoModel";
import { Exports } from "../scene/Exports";
import { factsOf } from "../scene/facts";
import { Making } from "../scene/Making";
import { Neighbours } from "../scene/Neighbours";
import { Notes } from "../scene/Notes";
import { RetryDialog } from "../scene/RetryDialog";
import { SceneView } from "../scene/SceneView";
import { Sharing } from "../scene/Sharing";
import { TimingsPicture } from "../scene/TimingsPicture";
import { useScene } from "../scene/useScene";
import { Button, ButtonLink, shape } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Card, Page } from "../ui/Page";
import { Picture } from "../ui/Picture";
import { Empty, Trouble } from "../ui/states";
import { MeshViewer } from "../viewer/MeshViewer";
import { warmViewer } from "../viewer/warm";

/** One scene: looked into, explained, taken elsewhere, shared. */
export function ScenePage(): ReactNode {
  const { id = "" } = useParams();
  const { data, error, refetch } = useScene(id);
  useEffect(warmViewer, []); // beside the scene's own answer, and not after it
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
  return <Shown key={data.id} scene={data} />;
}

function Shown({ scene }: { scene: Scene }): ReactNode {
  const [deleting, setDeleting] = useState(false);
  const [retrying, setRetrying] = useState(false);
  const [mesh, setMesh] = useState<Export | null>(null);
  const { state } = useLocation() as { state: { list?: string } | null };
  const navigate = useNavigate();
  const name = nameOf(scene);
  const isEnded = ended(scene.status);
  const look = (made: Export) => {
    setMesh(made);
    scrollTo({ top: 0 });
  };
  return (
    <Page
      wide
      title={name}
      lead={
        <>
          <span title={exact(scene.created_at)}>Sent {ago(scene.created_at)}</span>
          {scene.retry_of && (
            <>
              , the photo of{" "}
              <Link to={`/scenes/${scene.retry_of}`} className="rounded underline">
                an earlier scene
              </Link>{" "}
              again
            </>
          )}
        </>
      }
      actions={
        <>
          <Neighbours sceneId={scene.id} />
          <ButtonLink to={state?.list ? `/?${state.list}` : "/"} icon="back">
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
      <Notes scene={scene} />
      <Warned metadata={scene.metadata} />
      <MadeByDemoModel metadata={scene.metadata} />
      {!isEnded && <Making scene={scene} />}
      {scene.status === "completed" && !mesh && <SceneView scene={scene} />}
      {mesh && (
        <div className="grid gap-3">
          <MeshViewer key={mesh.id} made={mesh} name={name} />
          <div className="text-center">
            <Button small icon="back" onClick={() => setMesh(null)}>
              Back to the scene
            </Button>
          </div>
        </div>
      )}
      {isEnded && scene.status !== "completed" && <NotMade scene={scene} onRetry={() => setRetrying(true)} />}
      {scene.status === "completed" && (
        <div className="grid items-start gap-6 lg:grid-cols-2">
          <Exports sceneId={scene.id} name={name} splatUrl={scene.generated_3d_gaussian_url} onLook={look} />
          <div className="grid gap-6">
            <Sharing sceneId={scene.id} name={name} />
            {scene.timings && (
              <Card title="Where the time went">
                <TimingsPicture timings={scene.timings} />
              </Card>
            )}
            <Facts scene={scene} />
            <Card>
              <CallFromApi snippets={sceneSnippets(location.origin, scene.id, name)} />
            </Card>
          </div>
        </div>
      )}
      {isEnded && (
        <div className="flex flex-wrap justify-end gap-2">
          <Button small icon="reset" aria-haspopup="dialog" onClick={() => setRetrying(true)}>
            Process again
          </Button>
          <Button small look="danger" icon="trash" onClick={() => setDeleting(true)}>
            Delete this scene
          </Button>
        </div>
      )}
      <RetryDialog scene={scene} open={retrying} onClose={() => setRetrying(false)} />
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

function NotMade({ scene, onRetry }: { scene: Scene; onRetry: () => void }): ReactNode {
  return (
    <div className="grid items-start gap-8 md:grid-cols-2">
      <Picture sources={[photoOf(scene)]} alt="The photo" className="w-full rounded-3xl bg-wash shadow-lift" />
      <div role="status" className="grid gap-3">
        <h2 className="text-xl font-semibold">
          {scene.status === "failed" ? "This photo could not be made into a scene" : "This scene was stopped"}
        </h2>
        {scene.error_message && <p>{scene.error_message}</p>}
        {scene.error_code && <code className="font-mono text-sm text-bad">{scene.error_code}</code>}
        <div className="pt-2">
          <Button look="main" icon="reset" aria-haspopup="dialog" onClick={onRetry}>
            Try again
          </Button>
        </div>
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
