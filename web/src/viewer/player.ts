/** Moves the camera and draws, only while there is something to show: a still scene costs nothing. */
import { listen, type Moves, press } from "./gestures";
import { HOME, near, type Place, plus, reachOf, sway, towards, within } from "./motion";
import type { Quality, Stage } from "./stage";

export class Player {
  private readonly reach: number;
  private goal = HOME;
  private lean: Partial<Place> = {};
  private place = HOME;
  private swayingSince: number | null = null;
  private before = 0;
  private waiting = 0;
  private readonly off: (() => void)[] = [];
  /** Called with each frame that shows Gaussians. */
  onFrame: () => void = () => undefined;

  constructor(
    private readonly stage: Stage,
    /** Gives the size, and is what goes full screen; hands work on the canvas alone, beside the buttons. */
    private readonly view: HTMLElement,
    canvas: HTMLElement,
    private readonly still: boolean,
  ) {
    this.reach = reachOf(stage.focus);
    // At once and not with the next frame: until then the browser would stretch the last one.
    const sized = new ResizeObserver(() => this.stage.shows && this.frame(performance.now()));
    sized.observe(view);
    this.off.push(() => sized.disconnect());
    const restored = () => this.draw();
    canvas.addEventListener("webglcontextrestored", restored);
    this.off.push(() => canvas.removeEventListener("webglcontextrestored", restored));
    this.off.push(listen(canvas, this.moves, () => still));
  }

  /** Show the depth once, unless motion is unwelcome. */
  greet(): void {
    if (this.still) return;
    this.swayingSince = performance.now();
    this.draw();
  }

  key(key: string): boolean {
    return press(key, this.moves);
  }

  home(): void {
    this.moves.home();
  }

  setQuality(quality: Quality): void {
    this.stage.setQuality(quality);
    this.draw();
  }

  /** Ask for a frame; many asks make one. */
  draw(): void {
    if (!this.waiting) this.waiting = requestAnimationFrame((now) => this.frame(now));
  }

  close(): void {
    cancelAnimationFrame(this.waiting);
    for (const off of this.off) off();
    this.stage.close();
  }

  private readonly moves: Moves = {
    by: (move) => {
      this.swayingSince = null;
      this.goal = within(plus(this.goal, this.scaled(move)), this.reach);
      this.draw();
    },
    lean: (to) => {
      if (this.swayingSince !== null) return;
      this.lean = this.scaled(to);
      this.draw();
    },
    home: () => {
      this.swayingSince = null;
      this.goal = HOME;
      this.lean = {};
      this.draw();
    },
  };

  private frame(now: number): void {
    this.waiting = 0;
    const { clientWidth: width, clientHeight: height } = this.view;
    if (!width || !height) return;
    const moving = this.step(now);
    this.stage.draw(this.place, width, height);
    if (this.stage.shows) this.onFrame();
    if (moving) this.draw();
    else this.before = 0;
  }

  /** Go on towards the goal; returns whether there is some way left. */
  private step(now: number): boolean {
    const swaying = this.swayingSince === null ? null : sway(now - this.swayingSince, this.reach);
    if (swaying) {
      this.place = swaying;
      return true;
    }
    this.swayingSince = null;
    const goal = within(plus(this.goal, this.lean), this.reach);
    const passed = this.before ? now - this.before : 16;
    this.before = now;
    this.place = this.still ? goal : towards(this.place, goal, passed);
    return !near(this.place, goal);
  }

  private scaled(move: Partial<Place>): Place {
    return {
      right: (move.right ?? 0) * this.reach,
      up: (move.up ?? 0) * this.reach,
      forward: (move.forward ?? 0) * this.reach,
    };
  }
}
