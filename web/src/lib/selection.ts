/** Several things chosen from a list: one by one, or a range from the last one chosen. */
export type Selection = { chosen: ReadonlySet<string>; anchor: string | null };

export const NONE: Selection = { chosen: new Set(), anchor: null };

/** Return the selection after `id` was clicked; with `range`, everything from the last one clicked is as it. */
export function toggled({ chosen, anchor }: Selection, id: string, order: string[], range: boolean): Selection {
  const next = new Set(chosen);
  const on = !chosen.has(id);
  const [from, to] = [anchor === null ? -1 : order.indexOf(anchor), order.indexOf(id)];
  const between = range && from >= 0 && to >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
  for (const each of between) {
    if (on) next.add(each);
    else next.delete(each);
  }
  return { chosen: next, anchor: id };
}

/** Return the selection without what is not in the list any more. */
export function among({ chosen, anchor }: Selection, order: string[]): Selection {
  const there = new Set(order);
  if ([...chosen].every((id) => there.has(id))) return { chosen, anchor };
  return { chosen: new Set([...chosen].filter((id) => there.has(id))), anchor };
}
