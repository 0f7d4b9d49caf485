/** Moves the camera and draws, only while there is something to show: a still scene costs nothing. */
import type { Quality } from "./detail";
import { listen, type Moves, press } from "./gestures";
import { HOME, near, type Place, plus, reachOf, sway, towards, within } from "./motion";
import type { Stage } from "./stage";

/** Where the camera is so many milliseconds after the beginning; null at the end. */
export type Course = (ms: number) => Place | null;

export class Player {
  readonly reach: number;
  private readonly start: Place;
  private goal: Place;
  private lean: Partial<Place> = {};
  private place: Place;
  private course: { at: Course; since: number } | null = null;
  private before = 0;
  private waiting = 0;
  private held = false;
  private isSteady = false;
  private readonly off: (() => void)[] = [];
  private readonly watching = new Set<() => void>();
  /** Called with each frame that shows Gaussians. */
  onFrame: () => void = () => undefined;

  constructor(
    readonly stage: Stage,
    /** Gives the size, and is what goes full screen; hands work on the canvas alone, beside the buttons. */
    private readonly view: HTMLElement,
    canvas: HTMLElement,
    private readonly still: boolean,
    start: Place = HOME,
  ) {
    this.reach = reachOf(stage.focus);
    this.start = within(start, this.reach);
    this.goal = this.place = this.start;
    // At once and not with the next frame: until then the browser would stretch the last one.
    const sized = new ResizeObserver(() => this.stage.shows && this.frame(performance.now()));
    sized.observe(view);
    this.off.push(() => sized.disconnect());
    const restored = () => {
      this.stage.restore();
      this.draw();
    };
    canvas.addEventListener("webglcontextrestored", restored);
    this.off.push(() => canvas.removeEventListener("webglcontextrestored", restored));
    this.off.push(listen(canvas, this.moves, () => still || this.isSteady));
  }

  /** Where the camera is, and where it is going. */
  get at(): Place {
    return this.place;
  }

  get towards(): Place {
    return this.goal;
  }

  /** Show the depth once, unless motion is unwelcome. */
  greet(): void {
    if (this.still) return;
    this.play((ms) => {
      const swayed = sway(ms, this.reach);
      return swayed && within(plus(this.start, swayed), this.reach);
    });
  }

  /** Move the camera along a course, until it ends or a hand takes over. */
  play(at: Course): void {
    this.course = { at, since: performance.now() };
    this.draw();
  }

  key(key: string): boolean {
    return press(key, this.moves);
  }

  home(): void {
    this.moves.home();
  }

  /** Lean as a tilted phone says, in parts of the reach. */
  tilt(to: Partial<Place>): void {
    this.moves.lean(to);
  }

  /** Do not lean after the mouse, which is needed for pointing. */
  steady(on: boolean): void {
    this.isSteady = on;
    this.moves.lean({});
  }

  setQuality(quality: Quality): void {
    this.stage.setQuality(quality);
    this.draw();
  }

  /** Call `each` with every frame, after it is drawn; returns how to stop. */
  watch(each: () => void): () => void {
    this.watching.add(each);
    return () => this.watching.delete(each);
  }

  /** Leave the drawing to somebody else while `work` runs, as to a recording. */
  async hold(work: () => Promise<void>): Promise<void> {
    this.held = true;
    try {
      await work();
    } finally {
      this.held = false;
      this.draw();
    }
  }

  /** Ask for a frame; many asks make one. */
  draw(): void {
    if (!this.waiting && !this.held) this.waiting = requestAnimationFrame((now) => this.frame(now));
  }

  close(): void {
    cancelAnimationFrame(this.waiting);
    this.held = true; // what still comes, from a worker, draws nothing
    for (const off of this.off) off();
    this.watching.clear();
    this.stage.close();
  }

  private readonly moves: Moves = {
    by: (move) => {
      this.course = null;
      this.goal = within(plus(this.goal, this.scaled(move)), this.reach);
      this.draw();
    },
    lean: (to) => {
      if (this.course) return;
      this.lean = this.scaled(to);
      this.draw();
    },
    home: () => {
      this.course = null;
      this.goal = HOME;
      this.lean = {};
      this.draw();
    },
  };

  private frame(now: number): void {
    this.waiting = 0;
    const { clientWidth: width, clientHeight: height } = this.view;
    if (!width || !height || this.held) return;
    const moving = this.step(now);
    this.stage.draw(this.place, width, height);
    this.stage.canvas.dataset.drawn = String(this.stage.drawn);
    if (this.stage.shows) this.onFrame();
    for (const each of this.watching) each();
    if (moving) this.draw();
    else this.before = 0;
  }

  /** Go on towards the goal; returns whether there is some way left. */
  private step(now: number): boolean {
    const on = this.course?.at(Math.max(0, now - this.course.since)) ?? null;
    if (on) {
      this.place = on;
      return true;
    }
    this.course = null;
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
