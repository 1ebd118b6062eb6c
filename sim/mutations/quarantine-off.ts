import type { Scenario } from '../scenario.ts';

/** Writes of unknown outcome are sent again at once, and nothing waits for their ghosts. */
export function withoutQuarantine(scenario: Scenario): Scenario {
  return { ...scenario, host: { ...scenario.host, policy: { ...scenario.host.policy, ghostWrites: 'none' } } };
}
