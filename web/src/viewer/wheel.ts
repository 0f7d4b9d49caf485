/**
 * To whom the wheel belongs. It scrolls the page, as everywhere, until a person clicks or tabs into the scene; then it
 * zooms, until Escape, blur, or the pointer leaves. A page that is being scrolled never stops because the scene has
 * come under the pointer.
 */

/** A turn of the wheel that began beside the scene goes on for this long after its last step. */
const SAME_TURN_MS = 250;

export class WheelOwner {
  private taken = false;
  private scrolledAt = Number.NEGATIVE_INFINITY;

  take(): void {
    this.taken = true;
  }

  release(): void {
    this.taken = false;
  }

  /** The wheel was turned beside the scene. */
  scrolled(now: number): void {
    this.scrolledAt = now;
  }

  /** Return whether this turn over the scene zooms. `full`: the scene fills the screen, and nothing scrolls. */
  zooms(now: number, { ctrlKey }: { ctrlKey: boolean }, full: boolean): boolean {
    if (ctrlKey || full) return true;
    if (now - this.scrolledAt < SAME_TURN_MS) {
      this.scrolledAt = now;
      return false;
    }
    return this.taken;
  }
}

/** Follow what happens to the canvas until `signal` is aborted. */
export function ownerOf(canvas: HTMLElement, signal: AbortSignal): WheelOwner {
  const owner = new WheelOwner();
  const take = () => owner.take();
  const release = () => owner.release();
  canvas.addEventListener("pointerdown", take, { signal });
  canvas.addEventListener("focus", take, { signal });
  canvas.addEventListener("blur", release, { signal });
  canvas.addEventListener("pointerleave", release, { signal });
  canvas.addEventListener("keydown", (event) => event.key === "Escape" && release(), { signal });
  document.addEventListener("wheel", (event) => event.target !== canvas && owner.scrolled(event.timeStamp), {
    signal,
    passive: true,
  });
  return owner;
}
