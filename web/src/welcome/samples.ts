/** Photos to try, made by `web/welcome.py`; each may be given to anybody. */
import astronaut from "./astronaut.webp";
import cat from "./cat.webp";
import coffee from "./coffee.webp";
import rocket from "./rocket.webp";

export type Sample = { name: string; file: string; url: string; credit: string; ratio: number };

/** The one whose splat is shown. */
export const CAT: Sample = {
  name: "A cat",
  file: "cat.webp",
  url: cat,
  credit: "Stéfan van der Walt, CC0",
  ratio: 451 / 300,
};

export const SAMPLES: Sample[] = [
  CAT,
  { name: "A cup of coffee", file: "coffee.webp", url: coffee, credit: "Rachel Michetti, CC0", ratio: 600 / 400 },
  { name: "A rocket", file: "rocket.webp", url: rocket, credit: "SpaceX, public domain", ratio: 640 / 427 },
  { name: "An astronaut", file: "astronaut.webp", url: astronaut, credit: "NASA, public domain", ratio: 1 },
];

/** Return a sample as the file that a person would have chosen. */
export async function fileOf({ file, url }: Sample): Promise<File> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error("The sample photo could not be fetched. Reload the page.");
  return new File([await answer.blob()], file, { type: "image/webp" });
}
