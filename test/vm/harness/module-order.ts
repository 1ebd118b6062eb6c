/** In which order kernel modules are loaded where there is no modprobe yet. */

/**
 * Paths, relative to the folder of `modulesDep`, of the wanted modules and all they need, each after what it needs.
 * A name that is in the file nowhere is taken to be built into the kernel. Lines of modules.dep(5) read
 * `module: need need …`, with all needs, also those of needs, the one to be loaded first last.
 */
export function loadOrder(modulesDep: string, wanted: readonly string[]): string[] {
  const needsOf = new Map<string, { path: string; needs: readonly string[] }>();
  for (const line of modulesDep.split('\n')) {
    const [path = '', needs = ''] = line.split(':');
    if (path === '') continue;
    needsOf.set(moduleName(path), { path, needs: needs.split(' ').filter((need) => need !== '') });
  }
  const order = new Set<string>();
  for (const name of wanted) {
    const found = needsOf.get(moduleName(name));
    if (found === undefined) continue;
    for (const path of [...found.needs.toReversed(), found.path]) order.add(path);
  }
  return [...order];
}

/** The kernel holds - and _ in a module's name for the same. */
export function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(?:\.\w+)?$/, '').replaceAll('-', '_');
}
