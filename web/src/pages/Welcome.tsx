import type { ReactNode } from "react";

import { farewell } from "../api/session";
import { ButtonLink } from "../ui/Button";
import { useTitle } from "../ui/Page";
import { Note } from "../ui/states";
import { LiveSplat } from "../welcome/LiveSplat";
import { Samples } from "../welcome/Samples";
import { Dunes } from "./Dunes";

const STEPS: [string, string][] = [
  ["One photo", "JPEG, PNG, WebP, HEIC, AVIF or TIFF, up to 50 MB. Orientation and lens are read from it."],
  ["A moment", "A network predicts the Gaussians in metres, and the page shows each stage."],
  ["Look around", "Move in the scene here, share it with a link, or take it to Blender, Unreal or a headset."],
];

/** What somebody sees who is not signed in. */
export function Welcome(): ReactNode {
  const goodbye = farewell();
  useTitle("Photos you can look into");
  return (
    <div className="mx-auto grid w-full max-w-7xl gap-16 px-4 pt-6 pb-24 sm:px-8 sm:pt-10">
      {goodbye && <Note>{goodbye}</Note>}
      <div className="relative overflow-hidden rounded-[2rem] bg-stage shadow-lift">
        <Dunes />
        <div className="relative grid items-center gap-8 bg-black/55 p-6 text-white sm:p-12 lg:min-h-[min(38rem,74vh)] lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
          <div className="grid gap-5">
            <h1 className="text-4xl font-semibold sm:text-6xl lg:text-5xl xl:text-6xl">Photos you can look into.</h1>
            <p className="max-w-xl text-lg text-white/90">
              A photo goes in, a metric 3D Gaussian splat comes out. On your own machines, for your own pictures.
            </p>
            <div className="flex flex-wrap gap-3 pt-1">
              <ButtonLink look="main" to="/sign-up">
                Create account
              </ButtonLink>
              <ButtonLink to="/sign-in">Sign in</ButtonLink>
            </div>
          </div>
          <figure className="grid gap-3">
            <LiveSplat />
            <figcaption className="text-sm text-white/90">
              Made from this one photo by the default model. Drag, or use the arrow keys, to move. Photo: Stéfan van der
              Walt, CC0.
            </figcaption>
          </figure>
        </div>
      </div>
      <ol className="grid gap-8 sm:grid-cols-3">
        {STEPS.map(([title, text], index) => (
          <li key={title} className="grid content-start gap-2">
            <span aria-hidden="true" className="text-sm font-semibold text-accent">
              {index + 1}
            </span>
            <h2 className="text-xl font-semibold">{title}</h2>
            <p className="text-soft">{text}</p>
          </li>
        ))}
      </ol>
      <Samples />
    </div>
  );
}
