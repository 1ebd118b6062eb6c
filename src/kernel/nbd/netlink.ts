/**
 * Asking the kernel by generic netlink. A request is carried out while it is sent, and may wait for as long as what it
 * asks for: only helper processes (helper.ts) send what may wait.
 */
import { CausewayError } from '../../base/errors.ts';
import { closeDescriptor } from '../../native/descriptors.ts';
import { errno, errnoName } from '../../native/errno.ts';
import { openGenericNetlink, receiveNetlink, sendNetlink } from '../../native/netlink.ts';
import { uint16Of } from './attributes.ts';
import { encodeRequest, type GenericRequest, parseDatagram } from './messages.ts';

/** GENL_ID_CTRL: the family that knows the numbers of the others. */
const controller = 0x10;
const getFamily = 3;
const familyId = 1;
const familyName = 2;

/** The answers to what we ask are far smaller. */
const largestDatagram = 32 * 1024;
/** Nobody but the kernel answers on this socket, and only what was asked. */
const mostDatagrams = 16;

export type NetlinkResult =
  | { readonly errno: 0; readonly attributes: ReadonlyMap<number, Uint8Array> }
  /** Positive; with the kernel's own words where it has some. */
  | { readonly errno: number; readonly text: string };

export class GenericNetlink {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(largestDatagram);
  #sequence = 0;

  /** @throws CausewayError `kernel-device-unavailable` */
  constructor() {
    this.#fd = openGenericNetlink();
    if (this.#fd < 0) {
      throw new CausewayError('kernel-device-unavailable', `cannot open a netlink socket: ${errnoName(this.#fd)}`);
    }
  }

  close(): void {
    closeDescriptor(this.#fd);
  }

  /** The number of a family; null if the kernel has none of that name. */
  family(name: string): number | null {
    const attributes = [[familyName, name]] as const;
    const result = this.ask({ family: controller, command: getFamily, version: 1, attributes });
    return 'attributes' in result ? uint16Of(result.attributes.get(familyId)) : null;
  }

  /** Has a request carried out. The attributes are those of its answer, none if it has none. */
  ask(request: GenericRequest): NetlinkResult {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const sent = sendNetlink(this.#fd, encodeRequest(request, sequence));
    if (sent < 0) return { errno: -sent, text: errnoName(sent) };
    let attributes: ReadonlyMap<number, Uint8Array> = new Map();
    for (let left = mostDatagrams; left > 0; left -= 1) {
      const got = receiveNetlink(this.#fd, this.#buffer);
      if (got < 0) return { errno: -got, text: `the kernel gave no answer: ${errnoName(got)}` };
      const messages = got > this.#buffer.length ? null : parseDatagram(this.#buffer.slice(0, got));
      if (messages === null) break;
      for (const message of messages) {
        if (message.sequence !== sequence) continue;
        if (message.kind === 'answer') attributes = message.attributes;
        else if (message.errno === 0) return { errno: 0, attributes };
        else return { errno: message.errno, text: message.text ?? errnoName(message.errno) };
      }
    }
    return { errno: errno.EPROTO, text: 'the kernel gave an answer that means nothing' };
  }
}
