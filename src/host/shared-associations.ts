/**
 * The associations that volumes have together. A volume over a port of the array takes the association that there is
 * already with this port, subsystem and host identity; it goes with the last volume that has it. So an array has one
 * controller for each host and port, however many volumes there are.
 *
 * Options of the connection (digests, depth of the queues, time-outs) belong to the whole association. Volumes that ask
 * for others get one of their own beside it: to give them what somebody else asked for would be worse, and to refuse
 * them for the sake of a time-out would help nobody.
 */
import { createHash } from 'node:crypto';
import { defined } from '../base/assert.ts';
import type { Association, AssociationListener } from '../fabric/nvme-tcp/association.ts';
import { type AssociationOptions, completeOptions } from '../fabric/nvme-tcp/association-options.ts';
import type { FabricLead } from '../fabric/nvme-tcp/lead.ts';

interface Shared {
  readonly key: string;
  readonly association: Association;
  users: number;
}

export class SharedAssociations {
  readonly #fabric: FabricLead;
  readonly #listener: AssociationListener;
  readonly #byKey = new Map<string, Shared>();
  readonly #byNumber = new Map<number, Shared>();

  constructor(fabric: FabricLead, listener: AssociationListener) {
    this.#fabric = fabric;
    this.#listener = listener;
  }

  /** One more user of the association with these options, whose namespaces it wants; it is begun if there is none. */
  acquire(options: AssociationOptions): Association {
    const key = keyOf(options);
    const there = this.#byKey.get(key);
    if (there !== undefined) {
      there.users += 1;
      there.association.include(options.nsids);
      return there.association;
    }
    const association = this.#fabric.add(options, this.#listener);
    const shared = { key, association, users: 1 };
    this.#byKey.set(key, shared);
    this.#byNumber.set(association.number, shared);
    association.start();
    return association;
  }

  /**
   * One user less, who wanted these namespaces. With the last one it is closed: resolves when no reactor knows it any
   * more. What is under way for other users is not touched.
   */
  async release(number: number, nsids: readonly number[] | undefined): Promise<void> {
    const shared = defined(this.#byNumber.get(number), 'an association is released that nobody has');
    shared.users -= 1;
    if (shared.users > 0) {
      shared.association.exclude(nsids);
      return;
    }
    // Whoever comes from now on gets a new one.
    this.#byKey.delete(shared.key);
    this.#byNumber.delete(number);
    await this.#fabric.remove(shared.association);
  }

  get(number: number): Association | undefined {
    return this.#byNumber.get(number)?.association;
  }
}

function keyOf(options: AssociationOptions): string {
  const entries = Object.entries(completeOptions(options)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries, (_name, value: unknown) => (value instanceof Uint8Array ? digestOf(value) : value));
}

/** Volumes with other secrets have other associations; the secrets themselves are kept in as few places as possible. */
function digestOf(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex');
}
