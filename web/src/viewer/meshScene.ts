/**
 * Opens a mesh for three.js: a .glb, or a zip with an .obj, its material and its texture. Pictures in it are shown by
 * <img> from blobs, because the page may fetch from the service and its store alone.
 */
import {
  AmbientLight,
  Box3,
  Color,
  LoadingManager,
  Mesh,
  MeshBasicMaterial,
  MeshNormalMaterial,
  type MeshStandardMaterial,
  type Object3D,
  PerspectiveCamera,
  Scene,
  TextureLoader,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { unzipSync } from "three/examples/jsm/libs/fflate.module.js";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";
import { MTLLoader } from "three/examples/jsm/loaders/MTLLoader.js";
import { OBJLoader } from "three/examples/jsm/loaders/OBJLoader.js";

import { ApiError } from "../api/problem";

const BACKGROUND = 0x0d0f11;

export type MeshScene = { triangles: number; draw: () => void; key: (key: string) => boolean; close: () => void };

/** Show the mesh in `canvas`; it may be turned by mouse, touch and keys. */
export async function openMesh(canvas: HTMLCanvasElement, bytes: Uint8Array, format: string): Promise<MeshScene> {
  const mesh = await (format === "obj" ? fromObj(bytes) : fromGlb(bytes));
  let renderer: WebGLRenderer;
  try {
    renderer = new WebGLRenderer({ canvas, antialias: true });
  } catch {
    throw new ApiError(
      "webgl_missing",
      "This browser cannot draw in 3D: WebGL 2 is missing or turned off. Turn on hardware acceleration, or try another browser.",
    );
  }
  const scene = new Scene();
  scene.background = new Color(BACKGROUND);
  scene.add(new AmbientLight(0xffffff, 3), mesh);
  const box = new Box3().setFromObject(mesh);
  const middle = box.getCenter(new Vector3());
  const size = box.getSize(new Vector3()).length() || 1;
  const camera = new PerspectiveCamera(50, 1, size / 1_000, size * 10);
  const controls = new OrbitControls(camera, canvas);
  const home = () => {
    // Meshes are y up, seen from where the photo was taken: the front of what is below the camera.
    camera.position.set(middle.x, middle.y, Math.max(box.max.z, 0) + size * 0.35);
    controls.target.copy(middle);
    controls.update();
  };
  const draw = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    renderer.setPixelRatio(Math.min(globalThis.devicePixelRatio || 1, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    renderer.render(scene, camera);
  };
  controls.addEventListener("change", draw);
  const sized = new ResizeObserver(draw);
  sized.observe(canvas);
  home();
  draw();
  const turn = (right: number, up: number) => {
    const from = camera.position.clone().sub(controls.target);
    from.applyAxisAngle(new Vector3(0, 1, 0), right);
    from.applyAxisAngle(new Vector3(1, 0, 0), up);
    camera.position.copy(controls.target).add(from);
    controls.update();
    draw();
  };
  const nearer = (factor: number) => {
    camera.position.sub(controls.target).multiplyScalar(factor).add(controls.target);
    controls.update();
    draw();
  };
  const moves: Record<string, () => void> = {
    ArrowLeft: () => turn(-0.1, 0),
    ArrowRight: () => turn(0.1, 0),
    ArrowUp: () => turn(0, -0.1),
    ArrowDown: () => turn(0, 0.1),
    "+": () => nearer(0.9),
    "=": () => nearer(0.9),
    "-": () => nearer(1.1),
    "0": home,
  };
  return {
    triangles: trianglesOf(mesh),
    draw,
    key: (key) => {
      moves[key]?.();
      return key in moves;
    },
    close: () => {
      sized.disconnect();
      controls.dispose();
      renderer.dispose();
    },
  };
}

async function fromGlb(bytes: Uint8Array): Promise<Object3D> {
  const loader = new GLTFLoader();
  loader.register((parser) => {
    parser.textureLoader = new TextureLoader(parser.options.manager); // the default one fetches
    return { name: "pictures" };
  });
  const { scene } = await loader.parseAsync(bytes.slice().buffer, "");
  return unlit(scene);
}

async function fromObj(bytes: Uint8Array): Promise<Object3D> {
  const files = unzipSync(bytes);
  const named = (suffix: string) => Object.keys(files).find((name) => name.endsWith(suffix));
  const [obj, mtl] = [named(".obj"), named(".mtl")];
  if (!obj) throw new ApiError("mesh_unreadable", "There is no mesh in this file: export it again.");
  const manager = new LoadingManager();
  const urls = new Map<string, string>();
  manager.setURLModifier((url) => {
    const name = Object.keys(files).find((each) => each === url || url.endsWith(`/${each}`));
    if (!name) return url;
    const known = urls.get(name) ?? URL.createObjectURL(new Blob([(files[name] as Uint8Array).slice().buffer]));
    urls.set(name, known);
    return known;
  });
  const loaded = new Promise<void>((resolve) => (manager.onLoad = resolve));
  const text = (name: string) => new TextDecoder().decode(files[name]);
  const loader = new OBJLoader(manager);
  if (mtl) {
    const materials = new MTLLoader(manager).parse(text(mtl), "");
    materials.preload();
    loader.setMaterials(materials);
    if (urls.size) await loaded;
  }
  for (const url of urls.values()) URL.revokeObjectURL(url);
  return unlit(loader.parse(text(obj)));
}

/** The photo holds its own light: its colours are shown as they are. */
function unlit(root: Object3D): Object3D {
  root.traverse((each) => {
    if (!(each instanceof Mesh)) return;
    const { map, vertexColors } = each.material as MeshStandardMaterial;
    const coloured = Boolean(map) || vertexColors;
    each.material = coloured ? new MeshBasicMaterial({ map, vertexColors }) : new MeshNormalMaterial();
  });
  return root;
}

function trianglesOf(root: Object3D): number {
  let count = 0;
  root.traverse((each) => {
    if (!(each instanceof Mesh)) return;
    const { index, attributes } = (each as Mesh).geometry;
    count += (index?.count ?? attributes.position?.count ?? 0) / 3;
  });
  return count;
}
