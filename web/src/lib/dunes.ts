/** The picture of the welcome page: ridges of dunes at dusk, each a row of soft discs at its own depth. */
export type Splat = { x: number; y: number; depth: number; size: number; tone: string };

const RIDGES = 9;
const PER_RIDGE = 420;
const FAR: [number, number, number] = [246, 188, 140];
const NEAR: [number, number, number] = [24, 46, 58];

/** Return the same landscape for the same seed; x and y as parts of the view, farthest first. */
export function scatter(seed: number): Splat[] {
  const random = sequence(seed);
  const splats: Splat[] = [];
  for (let ridge = 0; ridge < RIDGES; ridge += 1) {
    const depth = 1 - ridge / (RIDGES - 1);
    const [phase, swing] = [random() * 6.28, 0.025 + 0.05 * (1 - depth)];
    const base = 0.42 + 0.56 * (1 - depth) ** 1.25;
    for (let index = 0; index < PER_RIDGE; index += 1) {
      const x = random() * 1.3 - 0.15;
      const crest = base + swing * Math.sin(x * (5 + 2 * depth) + phase) + swing * 0.5 * Math.sin(x * 11 + phase * 2);
      const down = random() ** 1.6 * 0.2;
      splats.push({ x, y: crest + down, depth, size: 0.02 + 0.045 * (1 - depth) + random() * 0.02, tone: tone(depth, down * 2.2 + random() * 0.18) });
    }
  }
  return splats;
}

/** Draw it as seen from `lean`, -0.5 at the left to 0.5 at the right: what is near moves more. */
export function draw(context: CanvasRenderingContext2D, splats: Splat[], width: number, height: number, lean: number): void {
  const sky = context.createLinearGradient(0, 0, 0, height);
  for (const [at, colour] of [[0, "#1d3550"], [0.28, "#6f7f95"], [0.42, "#e9a97c"], [0.52, "#fbd9a6"]] as const) sky.addColorStop(at, colour);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  sun(context, width * (0.68 - lean * 0.01), height * 0.38, height * 0.3);
  const unit = Math.max(width, height);
  for (const { x, y, depth, size, tone } of splats) {
    const shift = lean * -0.11 * (1 - depth);
    const radius = size * unit;
    context.drawImage(disc(tone), (x + shift) * width - radius, y * height - radius * 0.55, radius * 2, radius * 1.1);
  }
}

function sun(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  const glow = context.createRadialGradient(x, y, 0, x, y, radius);
  glow.addColorStop(0, "rgb(255 246 224 / 1)");
  glow.addColorStop(0.13, "rgb(255 236 196 / 0.95)");
  glow.addColorStop(0.2, "rgb(255 214 160 / 0.45)");
  glow.addColorStop(1, "rgb(255 200 140 / 0)");
  context.fillStyle = glow;
  context.fillRect(x - radius, y - radius, radius * 2, radius * 2);
}

const discs = new Map<string, HTMLCanvasElement>();

/** A Gaussian of one colour, drawn once. */
function disc(tone: string): HTMLCanvasElement {
  const known = discs.get(tone);
  if (known) return known;
  const made = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = made.getContext("2d");
  const fall = context?.createRadialGradient(32, 32, 0, 32, 32, 32);
  if (context && fall) {
    for (const at of [0, 0.25, 0.5, 0.75, 1]) fall.addColorStop(at, `rgb(${tone} / ${(Math.exp(-4.5 * at * at) - Math.exp(-4.5)).toFixed(3)})`);
    context.fillStyle = fall;
    context.fillRect(0, 0, 64, 64);
  }
  discs.set(tone, made);
  return made;
}

/** Far is warm and light, near is dark and cool; in steps, so that discs can be shared. */
function tone(depth: number, shade: number): string {
  const mix = FAR.map((far, index) => far * depth + (NEAR[index] ?? 0) * (1 - depth));
  const step = Math.round(Math.min(0.55, shade) * 12) / 12;
  return mix.map((part) => Math.round(part * (1.12 - step))).map((part) => Math.min(255, part)).join(" ");
}

/** Numbers from 0 to 1, always the same ones (mulberry32). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
