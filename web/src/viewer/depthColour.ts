/** Has Spark draw each Gaussian in the colour of its depth before the camera. */
import { dyno, type SplatMesh } from "@sparkjsdev/spark";
import { Vector3 } from "three";

import { RAMP, type Range } from "./depth";

/** Colour `mesh` by depth within the range; null: by its own colours again. */
export function colourByDepth(mesh: SplatMesh, range: Range | null): void {
  mesh.enableWorldToView = range !== null;
  mesh.worldModifier = range ? modifier(mesh, range) : undefined;
  mesh.updateGenerator();
}

function modifier(mesh: SplatMesh, { near, far }: Range) {
  const number = (value: number) => dyno.dynoConst("float", value);
  return dyno.dynoBlock({ gsplat: dyno.Gsplat }, { gsplat: dyno.Gsplat }, ({ gsplat }) => {
    if (!gsplat) throw new Error("Spark gave no Gaussian to colour.");
    const seen = mesh.context.worldToView.apply(dyno.splitGsplat(gsplat).outputs.center);
    const depth = dyno.max(dyno.neg(dyno.split(seen).outputs.z), number(near));
    const share = dyno.div(dyno.log(dyno.div(depth, number(near))), number(Math.log(far / near)));
    const steps = dyno.mul(dyno.clamp(share, number(0), number(1)), number(RAMP.length - 1));
    const [first, ...rest] = RAMP.map((rgb) => dyno.dynoConst("vec3", new Vector3(...rgb)));
    const rgb = rest.reduce<dyno.DynoVal<"vec3">>(
      (colour, next, index) => dyno.mix(colour, next, dyno.clamp(dyno.sub(steps, number(index)), number(0), number(1))),
      first as NonNullable<typeof first>,
    );
    return { gsplat: dyno.combineGsplat({ gsplat, rgb }) };
  });
}
