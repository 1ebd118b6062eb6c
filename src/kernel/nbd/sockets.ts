/** The connections of an NBD device, as the control side sees them. */
import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { systemError } from '../../native/libc.ts';
import { duplicateDescriptor, makeSocketPair, peerHasEnded, shutDownSocket } from '../../native/socket-pair.ts';
import type { KernelHost, ServedQueues } from '../contract.ts';
import type { DeviceOptions } from '../driver.ts';

const pageBytes = 4096;
const mostPayloadBytes = 1024 * 1024;
/** The largest request and some more: whoever sends one need not wait until we have received a part of it. */
const bufferBytes = 2 * mostPayloadBytes;

/** @throws CausewayError `invalid-argument` */
export function payloadBytesFor(options: DeviceOptions): number {
  const wanted = Math.min(options.payloadBytes, options.geometry.maxTransferBytes);
  const payload = Math.floor(wanted / pageBytes) * pageBytes;
  if (payload >= pageBytes && payload <= mostPayloadBytes) return payload;
  throw new CausewayError('invalid-argument', `A payload of ${wanted} bytes is not possible: it is 4 KiB to 1 MiB.`);
}

/** One connection before it is served: the kernel's end and ours. */
interface Pair {
  kernel: number;
  ours: number;
}

export class NbdSockets {
  readonly #pairs: Pair[] = [];
  /** Copies of our ends, by which they can be ended whatever the reactors do. */
  readonly #copies: number[] = [];
  readonly served: ServedQueues[] = [];

  private constructor(pairs: readonly Pair[]) {
    this.#pairs.push(...pairs);
  }

  /** The one connection that another process has served; the kernel's end is with the kernel. */
  static adopt(ours: number): NbdSockets {
    return new NbdSockets([{ kernel: -1, ours }]);
  }

  /** @throws CausewayError `kernel-device-unavailable` */
  static make(count: number): NbdSockets {
    const sockets = new NbdSockets([]);
    for (let left = count; left > 0; left -= 1) {
      const pair = makeSocketPair(bufferBytes);
      if (typeof pair === 'number') {
        sockets.abandon();
        throw systemError('kernel-device-unavailable', 'cannot make a pair of sockets', -pair);
      }
      sockets.#pairs.push({ kernel: pair[0], ours: pair[1] });
    }
    return sockets;
  }

  /** For the kernel. */
  get kernelEnds(): readonly number[] {
    return this.#pairs.map(({ kernel }) => kernel);
  }

  /** The kernel has what it wanted of them. */
  closeKernelEnds(): void {
    for (const pair of this.#pairs) {
      if (pair.kernel >= 0) closeDescriptor(pair.kernel);
      pair.kernel = -1;
    }
  }

  /** The kernel's ends are closed here: nobody has one any more, so the kernel did not take it. */
  get areRefused(): boolean {
    return this.#pairs.some(({ ours }) => peerHasEnded(ours));
  }

  /** Lets the reactors serve, one connection each from number `first` on. */
  async serve(host: KernelHost, options: DeviceOptions, first: number): Promise<void> {
    for (const [place, pair] of this.#pairs.entries()) {
      const copy = duplicateDescriptor(pair.ours);
      if (copy < 0) throw systemError('kernel-device-failed', 'cannot copy a descriptor', -copy);
      this.#copies.push(copy);
      const fd = pair.ours;
      // The server's from here on.
      pair.ours = -1;
      const { name, entriesPerQueue: slots } = options;
      const plan = { kind: 'nbd', name, fd, slots, payloadBytes: payloadBytesFor(options) } as const;
      try {
        this.served.push(await host.serve((first + place) % host.reactors, plan));
      } catch (error) {
        // There is no server.
        closeDescriptor(fd);
        throw error;
      }
    }
  }

  /** A descriptor of the only connection, for a keeper. */
  get only(): number {
    const [copy, ...others] = this.#copies;
    assert(copy !== undefined && others.length === 0, 'there is one connection');
    return copy;
  }

  /** Ends every connection at once: no request is received or answered any more. */
  end(): void {
    for (const copy of this.#copies) shutDownSocket(copy);
  }

  /** The servers have ended, or there were none. */
  abandon(): void {
    this.end();
    for (const copy of this.#copies.splice(0)) closeDescriptor(copy);
    this.closeKernelEnds();
    for (const pair of this.#pairs.splice(0)) if (pair.ours >= 0) closeDescriptor(pair.ours);
  }
}
