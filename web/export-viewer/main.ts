/** The viewer of an exported scene: all that the page needs is in it, and nothing is ever fetched. */
import { Player } from "../src/viewer/player";
import { Stage } from "../src/viewer/stage";
import type { Frame } from "../src/viewer/frame";
import { titleOf } from "./title";

/** So much of the wheel is as far as one press of + or −. */
const KEY_OF_WHEEL = 90;

const view = element("view");
const canvas = element("canvas") as HTMLCanvasElement;
const status = element("status");

document.title = titleOf(location.href);
canvas.setAttribute("aria-label", `${document.title} in 3D`);
show().catch((error: unknown) => {
  view.dataset.viewer = "failed";
  status.dataset.failed = "";
  status.textContent = error instanceof Error ? error.message : "The scene could not be shown in this browser.";
});

async function show(): Promise<void> {
  const frame = JSON.parse(element("frame").textContent) as Frame;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const players: Player[] = []; // none while the splat is opened, which Spark calls for too
  const stage = await Stage.open(canvas, splat(), frame, () => players.forEach((each) => each.draw()));
  const made = new Player(stage, view, canvas, still);
  players.push(made);
  made.setQuality("fine");
  made.onFrame = () => {
    if (view.dataset.viewer === "ready") return;
    view.dataset.viewer = "ready";
    status.textContent = "";
    made.greet();
  };
  listen(made);
  made.draw();
}

/** The page is the scene, so the wheel comes nearer without a key, and keys work wherever the focus is. */
function listen(player: Player): void {
  let turned = 0;
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    turned += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    for (; Math.abs(turned) >= KEY_OF_WHEEL; turned -= Math.sign(turned) * KEY_OF_WHEEL) {
      player.key(turned < 0 ? "+" : "-");
    }
  };
  view.addEventListener("wheel", wheel, { capture: true, passive: false });
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "f") toggleFullScreen();
    else if (!player.key(event.key)) return;
    event.preventDefault();
  });
  element("home").addEventListener("click", () => player.home());
  const full = element("full");
  full.hidden = !document.fullscreenEnabled;
  full.addEventListener("click", toggleFullScreen);
  document.addEventListener("fullscreenchange", () => {
    full.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  });
}

function toggleFullScreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (document.fullscreenEnabled) void view.requestFullscreen();
}

/** Return the bytes in the page, which then need not be there twice. */
function splat(): Uint8Array {
  const text = element("splat");
  const binary = atob(text.textContent);
  text.textContent = "";
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has lost its ${id}: export the scene again.`);
  return found;
}
