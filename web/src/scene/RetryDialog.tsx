import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useNavigate } from "react-router";

import { useModels } from "../api/models";
import { nameOf, retryScene, type Scene } from "../api/scenes";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field, Select } from "../ui/Field";
import { Trouble } from "../ui/states";

type Props = { scene: Scene; open: boolean; onClose: () => void };

/** The same photo again, with another focal length or by the model that runs now: a new scene. */
export function RetryDialog({ scene, open, onClose }: Props): ReactNode {
  return (
    <Dialog title={`Process “${nameOf(scene)}” again`} open={open} onClose={onClose}>
      <Ask scene={scene} onClose={onClose} />
    </Dialog>
  );
}

function Ask({ scene, onClose }: Omit<Props, "open">): ReactNode {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const running = useModels().filter((model) => model.running);
  const [focal, setFocal] = useState("");
  const [model, setModel] = useState("");
  const before = (scene.metadata.model as { name?: string } | undefined)?.name;
  const retry = useMutation({
    mutationFn: () =>
      retryScene(scene.id, {
        ...(focal && { focal_length_mm: Number(focal) }),
        ...(model && { model }),
      }),
    onSuccess: async (made) => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["scenes"] });
      void navigate(`/scenes/${made}`);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    retry.mutate();
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <p className="text-soft">
        A new scene is made of the same photo, with its name and tags. This one stays as it is.
      </p>
      <Field
        label="Focal length"
        hint="In millimetres, as of a 35 mm camera: a phone’s main camera has about 26. Left empty, the photo’s EXIF or the model decides."
        type="number"
        inputMode="decimal"
        min={1}
        max={5000}
        step="any"
        placeholder="as the photo says"
        value={focal}
        onChange={(event) => setFocal(event.target.value)}
      />
      <Select
        label="Model"
        hint={before && `This scene was made by ${before}.`}
        value={model}
        onChange={(event) => setModel(event.target.value)}
      >
        <option value="">the one that runs here</option>
        {running.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
      {retry.error && <Trouble error={retry.error} />}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="main" type="submit" icon="reset" busy={retry.isPending}>
          Process again
        </Button>
      </div>
    </form>
  );
}
