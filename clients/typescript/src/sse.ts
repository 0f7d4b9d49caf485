/**
 * Reads Server-Sent Events. Written here because the packages that do it drop the id of a block without data, and the
 * service begins a stream with one: who is cut off before the first event goes on from there.
 */
export type Frame = {
  /** The last id that the stream has named so far; empty where it has named none. */
  id: string;
  /** Whether this block itself named the id: then it is a position after which a stream is resumed. */
  named: boolean;
  type: string;
  data: string;
};

type Listener = { frame: (frame: Frame) => void; retry?: (ms: number) => void };

/** Takes text in pieces of any size; calls the listener at the end of each block that has data or an id. */
export class SseParser {
  #rest = "";
  #id = "";
  #named = false;
  #type = "";
  #data: string[] = [];

  constructor(private readonly listener: Listener) {}

  feed(text: string): void {
    const all = this.#rest + text;
    // A carriage return at the end may be the first half of a line's end.
    const whole = all.endsWith("\r") ? all.slice(0, -1) : all;
    const lines = whole.split(/\r\n|\r|\n/);
    this.#rest = (lines.pop() ?? "") + all.slice(whole.length);
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: a heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const text = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(text);
    else if (field === "event") this.#type = text;
    else if (field === "id" && !text.includes("\0")) {
      this.#id = text;
      this.#named = true;
    } else if (field === "retry" && /^\d+$/.test(text)) this.listener.retry?.(Number(text));
  }

  #dispatch(): void {
    const frame = { id: this.#id, named: this.#named, type: this.#type || "message", data: this.#data.join("\n") };
    const isEmpty = !this.#data.length && !this.#named;
    this.#named = false;
    this.#type = "";
    this.#data = [];
    if (!isEmpty) this.listener.frame(frame);
  }
}
