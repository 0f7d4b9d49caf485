/** Small pictures of photos, so that a batch is not decoded in full for every row that shows it. */

export type Thumbnail = { url: string; ratio: number };

const LONGER_SIDE = 640;
let last: Promise<unknown> = Promise.resolve();

/** Return a small picture of a photo, null where this browser cannot read it. One is made at a time. */
export function thumbnail(file: File): Promise<Thumbnail | null> {
  const made = last.then(() => make(file)).catch(() => null);
  last = made;
  return made;
}

async function make(file: File): Promise<Thumbnail | null> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/webp", 0.8));
  return blob && { url: URL.createObjectURL(blob), ratio: width / height };
}
