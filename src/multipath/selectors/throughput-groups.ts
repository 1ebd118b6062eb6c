/** How many different throughputs `service-time` tells apart; a choice looks at one path of each. */
export const maxGroups = 8;

/**
 * The throughputs that stand for these weights, the greatest first. Up to `maxGroups` different ones stand for
 * themselves. If there are more, the two that differ least (by ratio) become one, their geometric mean, and so on.
 */
export function throughputGroups(weights: readonly number[]): number[] {
  const groups = [...new Set(weights)].toSorted((a, b) => b - a);
  while (groups.length > maxGroups) {
    let closest = 0;
    for (let i = 1; i + 1 < groups.length; i += 1) {
      if (groups[i]! / groups[i + 1]! < groups[closest]! / groups[closest + 1]!) closest = i;
    }
    groups.splice(closest, 2, Math.sqrt(groups[closest]! * groups[closest + 1]!));
  }
  return groups;
}

/** The place of the group that is nearest to this weight, by ratio. */
export function groupOf(groups: readonly number[], weight: number): number {
  let nearest = 0;
  for (let i = 1; i < groups.length; i += 1) {
    if (distance(groups[i]!, weight) < distance(groups[nearest]!, weight)) nearest = i;
  }
  return nearest;
}

function distance(a: number, b: number): number {
  return a > b ? a / b : b / a;
}
