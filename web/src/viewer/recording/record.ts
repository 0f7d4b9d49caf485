/** Draws a way of the camera frame by frame and makes a video file of it, here in the browser. */
import { ApiError } from "../../api/problem";
import type { Place } from "../motion";
import { bitrateOf, type Choice, choose, FPS, type Size } from "./codecs";
import { type Path, shares } from "./paths";

/** What draws a frame into `canvas`, sharp and sorted, however long that takes. */
export type Drawing = { canvas: HTMLCanvasElement; still: (place: Place, size: Size) => Promise<void> };
export type Take = { path: Path; loop: boolean; seconds: number; size: Size };
export type Video = { file: Blob; choice: Choice };

const KEY_EVERY_S = 2;

/** Return the codec to record with. Raises an `ApiError` that says what to do where there is none. */
export async function codecOf(size: Size): Promise<Choice> {
  if (!("VideoEncoder" in window)) {
    const words = isSecureContext
      ? "This browser cannot make videos. Try a newer one, or take the video that the server makes, under “Download”."
      : "Browsers make videos on https pages only. Open this page by https, or take the video that the server makes.";
    throw new ApiError("recording_unsupported", words);
  }
  const { canEncodeVideo } = await import("mediabunny");
  const found = await choose((codec) => canEncodeVideo(codec, { ...size, bitrate: bitrateOf(size) }));
  if (found) return found;
  throw new ApiError(
    "recording_unsupported",
    "This browser encodes no video of this size. Choose a smaller one, or take the video that the server makes.",
  );
}

/** Record; `onProgress` gets the share that is done. Ends with the signal's reason when it is aborted. */
export async function record(
  drawing: Drawing,
  { path, loop, seconds, size }: Take,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<Video> {
  const choice = await codecOf(size);
  const { BufferTarget, CanvasSource, Mp4OutputFormat, Output, WebMOutputFormat } = await import("mediabunny");
  const target = new BufferTarget();
  const format = choice.ending === ".mp4" ? new Mp4OutputFormat({ fastStart: "in-memory" }) : new WebMOutputFormat();
  const output = new Output({ format, target });
  const source = new CanvasSource(drawing.canvas, {
    codec: choice.codec,
    bitrate: bitrateOf(size),
    keyFrameInterval: KEY_EVERY_S,
  });
  output.addVideoTrack(source, { frameRate: FPS });
  try {
    await output.start();
    const frames = shares(Math.max(2, Math.round(seconds * FPS)), loop);
    for (const [index, share] of frames.entries()) {
      signal.throwIfAborted();
      await drawing.still(path(share), size);
      await source.add(index / FPS, 1 / FPS); // at once: the browser clears the canvas after this task
      onProgress((index + 1) / frames.length);
    }
    await output.finalize();
  } catch (error) {
    if (output.state === "started" || output.state === "pending") await output.cancel();
    throw error;
  }
  return { file: new Blob([target.buffer as ArrayBuffer], { type: choice.mediaType }), choice };
}
