/**
 * Draws one splat with Spark: the one module that knows three.js, loaded with the first scene that is looked at.
 * SPZ files are y up with the camera looking along -z, as three.js has it: nothing is turned.
 */
import { SparkRenderer, SplatFileType, SplatMesh } from "@sparkjsdev/spark";
import { Color, PerspectiveCamera, Scene, Vector2, Vector3, WebGLRenderer } from "three";

import { ApiError } from "../api/problem";
import { fieldOfView, type Frame, median } from "./frame";
import type { Place } from "./motion";

export type Quality = "fine" | "light";

const SAMPLES = 3_000;
const BACKGROUND = 0x0d0f11;
/** How far a Gaussian is drawn, in standard deviations, and pixels a CSS pixel at most. */
const QUALITIES: Record<Quality, { spread: number; pixels: number }> = {
  fine: { spread: Math.sqrt(8), pixels: 2 },
  light: { spread: Math.sqrt(5), pixels: 0.75 },
};

export class Stage {
  /** Metres to the middle of the scene. */
  readonly focus: number;
  readonly count: number;
  private readonly camera = new PerspectiveCamera(50, 1, 0.01, 1_000);
  private readonly target: Vector3;
  private quality: Quality = "fine";

  private constructor(
    private readonly renderer: WebGLRenderer,
    private readonly spark: SparkRenderer,
    private readonly scene: Scene,
    private readonly mesh: SplatMesh,
    private readonly frame: Frame,
  ) {
    const depths = sample(mesh);
    this.focus = median(depths);
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
    scene.background = new Color(BACKGROUND);
    scene.add(spark, mesh);
    return new Stage(renderer, spark, scene, mesh, frame);
  }

  setQuality(quality: Quality): void {
    this.quality = quality;
    this.spark.maxStdDev = QUALITIES[quality].spread;
  }

  /** Draw as seen from `place`, in a view of this many CSS pixels. */
  draw(place: Place, width: number, height: number): void {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, QUALITIES[this.quality].pixels);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    const now = this.renderer.getSize(new Vector2());
    if (now.x !== width || now.y !== height) this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.fov = fieldOfView(this.frame, this.camera.aspect);
    this.camera.updateProjectionMatrix();
    this.camera.position.set(place.right, place.up, -place.forward);
    this.camera.lookAt(this.target);
    this.renderer.render(this.scene, this.camera);
  }

  /** Tell whether Gaussians are on screen: the first frames are drawn while they are still being sorted. */
  get shows(): boolean {
    return this.spark.activeSplats > 0;
  }

  close(): void {
    this.mesh.dispose();
    this.spark.dispose();
    this.renderer.dispose();
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
