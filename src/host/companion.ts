/**
 * The companion node of a volume, `/dev/causeway/<name>-nvme`: a character device that takes the ioctls of an NVMe device
 * and sends them to the array in user space, as the block device does with requests. Main thread. A volume goes without it
 * where it can not be made: then it is said why, and nothing else is different.
 */
import { CausewayError } from '../base/errors.ts';
import { makeCompanionNode } from '../kernel/cuse/node.ts';
import { closeDescriptor } from '../native/descriptors.ts';
import type { ReactorThread } from './reactor-thread.ts';

/** What a reactor is told to serve. Plain data. */
export interface CompanionOrder {
  /** As in NvmeOrder. */
  readonly device: number;
  readonly multipath: number;
  readonly fd: number;
  readonly isDangerAllowed: boolean;
}

export interface CompanionView {
  /** Empty if there is none. */
  readonly path: string;
  /** Why there is none, and what mends that; empty if there is one. */
  readonly reason: string;
}

const none = '';

export class Companion {
  #path = none;
  #reason: string;
  #lead: ReactorThread | null = null;
  #device = 0;
  #ended: Promise<void> = Promise.resolve();

  /** @param reason why there is none, as long as `open` was not called */
  constructor(reason: string) {
    this.#reason = reason;
  }

  get view(): CompanionView {
    return { path: this.#path, reason: this.#reason };
  }

  /** Makes it and has it served; never fails. */
  async open(
    name: string,
    lead: ReactorThread,
    order: Omit<CompanionOrder, 'fd'>,
    sleep: (milliseconds: number) => Promise<void>,
  ): Promise<void> {
    try {
      const { path, fd } = await makeCompanionNode(name, sleep);
      await serve(lead, { ...order, fd });
      this.#path = path;
      this.#reason = none;
      this.#lead = lead;
      this.#device = order.device;
      this.#ended = this.#closeWhenEnded(lead, fd);
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      this.#reason = `${error.message}. ${error.hint}`;
    }
  }

  /** The node goes with the descriptor, and that only when the ring does not look at it any more. */
  async #closeWhenEnded(lead: ReactorThread, fd: number): Promise<void> {
    const failure = await lead.call<string | null>('companion.ended', this.#device);
    closeDescriptor(fd);
    this.#path = none;
    this.#reason = failure === null ? 'the volume was detached' : `it ended: ${failure}`;
  }

  /** Resolves when the node is gone. */
  async close(): Promise<void> {
    const lead = this.#lead;
    if (lead === null) return;
    this.#lead = null;
    await lead.call('companion.stop', this.#device);
    await this.#ended;
  }
}

/** Without anybody who serves it the node is not left there: whoever opened it would wait for ever. */
async function serve(lead: ReactorThread, order: CompanionOrder): Promise<void> {
  try {
    await lead.call('companion.serve', order);
  } catch (error) {
    closeDescriptor(order.fd);
    throw error;
  }
}
