/** The lead reactor's side: it holds the associations and brings the reactors' messages to them. */
import type { Io } from '../../io/contract.ts';
import { Association, type AssociationHome, type AssociationListener, type AssociationOptions } from './association.ts';
import type { Controller } from './controller.ts';
import type { LeadLink, ToLead } from './messages.ts';

export class FabricLead implements AssociationHome {
  readonly io: Io;
  readonly link: LeadLink;
  readonly #associations = new Map<number, Association>();
  #next = 1;

  constructor(io: Io, link: LeadLink) {
    this.io = io;
    this.link = link;
  }

  /** Makes an association; `start` it then. Its number is never used again, so a late message finds nobody else. */
  add(options: AssociationOptions, listener: AssociationListener): Association {
    const association = new Association(this, this.#next, listener, options);
    this.#next += 1;
    this.#associations.set(association.number, association);
    return association;
  }

  /** Closes an association and forgets it. */
  async remove(association: Association): Promise<void> {
    await association.close();
    this.#associations.delete(association.number);
  }

  get associations(): Iterable<Association> {
    return this.#associations.values();
  }

  /** A message of reactor `from`. */
  onMessage(from: number, message: ToLead): void {
    this.#associations.get(message.association)?.onMessage(from, message);
  }

  helpers(association: Association): readonly Controller[] {
    const found: Controller[] = [];
    for (const other of this.#associations.values()) {
      if (!isSameSubsystem(other, association)) continue;
      const { controller } = other;
      if (controller?.alive && (controller.ready?.id.ccrl ?? 0) > 0) found.push(controller);
    }
    return found;
  }
}

/** A subsystem resets controllers for the host that they belong to. */
function isSameSubsystem(one: Association, other: Association): boolean {
  return one.options.subnqn === other.options.subnqn && one.options.hostnqn === other.options.hostnqn;
}
