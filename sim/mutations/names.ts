/** The faults that can be built in, by name. */
export const mutationNames = [
  'quarantine-off',
  'quarantine-one-reactor',
  'retry-before-overlap',
  'fence-too-early',
  'flush-one-controller',
  'buffer-reuse',
  'hedge-into-freed',
  'retry-table',
  'double-completion',
  'stale-path',
  'crash-forgets-inflight',
] as const;

export type MutationName = (typeof mutationNames)[number];

export function isMutationName(text: string): text is MutationName {
  return (mutationNames as readonly string[]).includes(text);
}
