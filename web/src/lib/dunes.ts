/** The picture of the welcome page: ridges of dunes at dusk, each a row of soft discs at its own depth. */
export type Splat = { x: number; y: number; depth: number; size: number; tone: string };

const PER_RIDGE = 560;
/** From the farthest ridge to the nearest: haze, sand in the last light, shadow. */
const TONES = [
  [255, 214, 170],
  [247, 186, 134],
  [232, 148, 98],
  [203, 110, 78],
  [150, 80, 76],
  [92, 60, 74],
  [48, 46, 66],
  [20, 32, 48],
] as const;

/** Return the same landscape for the same seed; x and y as parts of the view, farthest first. */
export function scatter(seed: number): Splat[] {
  const random = sequence(seed);
  return TONES.flatMap((colour, ridge) => {
    const near = ridge / (TONES.length - 1);
    const [phase, swing, base] = [random() * 6.28, 0.018 + 0.045 * near, 0.47 + 0.5 * near ** 1.35];
    return Array.from({ length: PER_RIDGE }, () => {
      const x = random() * 1.3 - 0.15;
      const crest = base + swing * (Math.sin(x * (7 - 3 * near) + phase) + 0.35 * Math.sin(x * 17 + phase * 3));
      const down = random() ** 2 * (0.1 + 0.14 * near);
      const lit = 1.1 - down * (2.2 + near) - random() * 0.1;
      return {
        x,
        y: crest + down,
        depth: 1 - near,
        size: 0.012 + 0.03 * near + random() * 0.012,
        tone: tone(colour, lit),
      };
    });
  });
}

/** Draw it as seen from `lean`, -0.5 at the left to 0.5 at the right: what is near moves more. */
export function draw(
  context: CanvasRenderingContext2D,
  splats: Splat[],
  width: number,
  height: number,
  lean: number,
): void {
  const sky = context.createLinearGradient(0, 0, 0, height);
  for (const [at, colour] of [
    [0, "#26415f"],
    [0.22, "#6d8199"],
    [0.36, "#d8b49a"],
    [0.46, "#ffd9a4"],
    [0.52, "#ffe7c2"],
  ] as const)
    sky.addColorStop(at, colour);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  sun(context, width * (0.7 - lean * 0.01), height * 0.4, height * 0.34);
  const unit = Math.max(width, height);
  for (const { x, y, depth, size, tone } of splats) {
    const shift = lean * -0.11 * (1 - depth);
    const radius = size * unit;
    context.drawImage(
      disc(tone),
      (x + shift) * width - radius * 1.4,
      y * height - radius * 0.6,
      radius * 2.8,
      radius * 1.5,
    );
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
    for (const at of [0, 0.25, 0.5, 0.75, 1])
      fall.addColorStop(at, `rgb(${tone} / ${(Math.exp(-3.2 * at * at) - Math.exp(-3.2)).toFixed(3)})`);
    context.fillStyle = fall;
    context.fillRect(0, 0, 64, 64);
  }
  discs.set(tone, made);
  return made;
}

/** A colour in more or less light; in steps, so that discs can be shared. */
function tone(colour: readonly number[], lit: number): string {
  const step = Math.round(Math.max(0.55, lit) * 14) / 14;
  return colour.map((part) => Math.min(255, Math.round(part * step))).join(" ");
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
