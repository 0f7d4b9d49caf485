/**
 * Draws one splat with Spark: the one module that knows three.js, loaded with the first scene that is looked at.
 * SPZ files are y up with the camera looking along -z, as three.js has it: nothing is turned.
 */
import { SparkRenderer, SplatFileType, SplatMesh } from "@sparkjsdev/spark";
import { Color, PerspectiveCamera, Scene, Vector2, Vector3, WebGLRenderer } from "three";

import { ApiError } from "../api/problem";
import { type Range, rangeOf } from "./depth";
import { colourByDepth } from "./depthColour";
import type { Quality } from "./detail";
import { fieldOfView, type Frame, median } from "./frame";
import { type Headset, present } from "./headset";
import { type Point, surface } from "./measure";
import type { Place } from "./motion";

const SAMPLES = 3_000;
const BACKGROUND = new Color(0x0d0f11);
/** How far a Gaussian is drawn, in standard deviations, and pixels a CSS pixel at most. */
const QUALITIES: Record<Quality, { spread: number; pixels: number }> = {
  fine: { spread: Math.sqrt(8), pixels: 2 },
  light: { spread: Math.sqrt(5), pixels: 0.75 },
};

export class Stage {
  /** Metres to the middle of the scene. */
  readonly focus: number;
  readonly count: number;
  /** The depths that the scene is made of, metres from where the photo was taken. */
  readonly range: Range;
  private readonly camera = new PerspectiveCamera(50, 1, 0.01, 1_000);
  private readonly target: Vector3;
  private quality: Quality = "fine";
  private thinning: Promise<void> | null = null;

  private constructor(
    private readonly renderer: WebGLRenderer,
    private readonly spark: SparkRenderer,
    private readonly scene: Scene,
    private readonly mesh: SplatMesh,
    private readonly frame: Frame,
  ) {
    const depths = sample(mesh);
    this.focus = median(depths);
    this.range = rangeOf(depths);
    this.count = mesh.packedSplats?.numSplats ?? 0;
    this.target = new Vector3(0, 0, -this.focus);
  }

  /** Decode `bytes` and make ready to draw. `wanted` is called whenever Spark has something better to show. */
  static async open(canvas: HTMLCanvasElement, bytes: Uint8Array, frame: Frame, wanted: () => void): Promise<Stage> {
    const renderer = rendererOf(canvas);
    const spark = new SparkRenderer({ renderer, onDirty: wanted });
    const mesh = new SplatMesh({ fileBytes: bytes, fileType: SplatFileType.SPZ });
    try {
      await mesh.initialized;
    } catch (error) {
      renderer.dispose();
      throw error;
    }
    const scene = new Scene();
    scene.background = BACKGROUND;
    scene.add(spark, mesh);
    return new Stage(renderer, spark, scene, mesh, frame);
  }

  get canvas(): HTMLCanvasElement {
    return this.renderer.domElement;
  }

  setQuality(quality: Quality): void {
    this.quality = quality;
    this.spark.maxStdDev = QUALITIES[quality].spread;
  }

  /** Draw `most` Gaussians at most: the tree of larger ones that stand for many is grown once, by a worker. */
  async limit(most: number): Promise<void> {
    const all = this.count <= most;
    this.mesh.enableLod = !all;
    if (!all) {
      this.spark.lodSplatCount = most;
      await (this.thinning ??= this.mesh.createLodSplats());
    }
    this.mesh.updateVersion();
  }

  /** Colour by depth, or as the photo was. */
  setDepth(shown: boolean): void {
    colourByDepth(this.mesh, shown ? this.range : null);
  }

  /** Draw as seen from `place`, in a view of this many CSS pixels. */
  draw(place: Place, width: number, height: number): void {
    if (this.renderer.xr.isPresenting) return; // the headset says where it is
    this.aim(place, width, height, Math.min(globalThis.devicePixelRatio || 1, QUALITIES[this.quality].pixels));
    this.renderer.render(this.scene, this.camera);
  }

  /** Draw one frame of a video: so many pixels, and not before the Gaussians are sorted as they are seen from there. */
  async still(place: Place, { width, height }: { width: number; height: number }): Promise<void> {
    this.aim(place, width, height, 1);
    this.camera.updateMatrixWorld();
    await this.sorted();
    await this.spark.update({ scene: this.scene, camera: this.camera });
    await this.sorted();
    this.renderer.render(this.scene, this.camera);
  }

  /** Return what is seen at a point of the view, given in parts of its width and height from the top left. */
  pick(x: number, y: number): Point | null {
    const from = this.camera.position;
    const along = new Vector3(2 * x - 1, 1 - 2 * y, 0.5).unproject(this.camera).sub(from).normalize();
    return surface({ from, along }, (each) =>
      this.mesh.packedSplats?.forEachSplat((_, centre, scales, turn, opacity) => each(centre, scales, turn, opacity)),
    );
  }

  /** Return where a point is seen, as `pick` has it. */
  project({ x, y, z }: Point): { x: number; y: number } {
    const seen = new Vector3(x, y, z).project(this.camera);
    return { x: (seen.x + 1) / 2, y: (1 - seen.y) / 2 };
  }

  /** Make what the graphics card has forgotten anew: after a lost context a still scene would stay black. */
  restore(): void {
    this.mesh.updateVersion();
    this.spark.setDirty();
  }

  /** Show the scene in a headset or through a phone's camera, until the person leaves it. */
  present(headset: Headset): Promise<void> {
    return present(this.renderer, this.scene, this.camera, headset);
  }

  /** Tell whether Gaussians are on screen: the first frames are drawn while they are still being sorted. */
  get shows(): boolean {
    return this.spark.activeSplats > 0;
  }

  /** How many Gaussians the last frame was made of. */
  get drawn(): number {
    return this.spark.activeSplats;
  }

  close(): void {
    this.mesh.dispose();
    this.spark.dispose();
    this.renderer.dispose();
  }

  private aim(place: Place, width: number, height: number, ratio: number): void {
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    const now = this.renderer.getSize(new Vector2());
    if (now.x !== width || now.y !== height) this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.fov = fieldOfView(this.frame, this.camera.aspect);
    this.camera.updateProjectionMatrix();
    this.camera.position.set(place.right, place.up, -place.forward);
    this.camera.lookAt(this.target);
  }

  private async sorted(): Promise<void> {
    while (this.spark.sorting || this.spark.sortDirty) await new Promise((done) => setTimeout(done, 0));
  }
}

/** A browser without WebGL 2, or whose owner has turned it off, is told so in words. */
function rendererOf(canvas: HTMLCanvasElement): WebGLRenderer {
  try {
    return new WebGLRenderer({ canvas, antialias: false, powerPreference: "high-performance" });
  } catch {
    throw new ApiError(
      "webgl_missing",
      "This browser cannot draw in 3D: WebGL 2 is missing or turned off. Turn on hardware acceleration, or try another browser.",
    );
  }
}

function sample(mesh: SplatMesh): number[] {
  const splats = mesh.packedSplats;
  if (!splats) return [];
  const step = Math.max(1, Math.floor(splats.numSplats / SAMPLES));
  const depths: number[] = [];
  for (let at = 0; at < splats.numSplats; at += step) depths.push(-splats.getSplat(at).center.z);
  return depths;
}
