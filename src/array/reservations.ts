/**
 * The reservation of one volume and its registrants (NVMe Base, "Reservations"): who holds it, and whose commands
 * conflict. Registrants are hosts, told apart by their identifiers, over whatever controllers they come. Nothing outlives
 * the array: persistence through a loss of power is not offered.
 */
import {
  acquireAction,
  registerAction,
  releaseAction,
  type ReservationStatus,
} from '../fabric/nvme-tcp/reservation.ts';
import { sc } from './status-codes.ts';

/** RTYPE. */
const type = {
  none: 0,
  writeExclusive: 1,
  exclusiveAccess: 2,
  writeExclusiveRegistrants: 3,
  exclusiveAccessRegistrants: 4,
  writeExclusiveAll: 5,
  exclusiveAccessAll: 6,
} as const;

/** RESCAP of Identify Namespace: all six types, and IEKEY as of version 1.3. */
export const rescap = 0xfe;
/** CNTLID of a report: the controllers of a host are made dynamically. */
const dynamicController = 0xffff;

/** As a command brings it. */
export interface ReservationCommand {
  /** 32 hexadecimal digits. */
  readonly hostid: string;
  /** Bits 2:0 of CDW10. */
  readonly action: number;
  /** IEKEY. */
  readonly ignoresKey: boolean;
  /** CRKEY. */
  readonly key: bigint;
}

export interface RegisterCommand extends ReservationCommand {
  /** NRKEY. */
  readonly newKey: bigint;
}

export interface AcquireCommand extends ReservationCommand {
  readonly rtype: number;
  /** PRKEY. */
  readonly preempted: bigint;
}

export interface ReleaseCommand extends ReservationCommand {
  readonly rtype: number;
}

export class Reservations {
  #generation = 0;
  #type: number = type.none;
  /** Of a reservation that one host holds; null if all registrants do, or there is none. */
  #holder: string | null = null;
  /** Keys by host identifier. */
  readonly #keys = new Map<string, bigint>();

  /** Data path. A command of this host conflicts with the reservation. */
  conflicts(hostid: string, reading: boolean): boolean {
    switch (this.#type) {
      case type.none:
        return false;
      case type.writeExclusive:
        return !reading && this.#holder !== hostid;
      case type.exclusiveAccess:
        return this.#holder !== hostid;
      case type.writeExclusiveRegistrants:
      case type.writeExclusiveAll:
        return !reading && !this.#keys.has(hostid);
      default:
        return !this.#keys.has(hostid);
    }
  }

  get status(): ReservationStatus {
    return {
      generation: this.#generation,
      type: this.#type,
      isPersistent: false,
      registrants: [...this.#keys].map(([hostid, key]) => ({
        cntlid: dynamicController,
        isHolder: this.#holds(hostid),
        hostid,
        key,
      })),
    };
  }

  get #isHeldByAll(): boolean {
    return this.#type === type.writeExclusiveAll || this.#type === type.exclusiveAccessAll;
  }

  #holds(hostid: string): boolean {
    return this.#holder === hostid || (this.#isHeldByAll && this.#keys.has(hostid));
  }

  /** The host is registered, with this key. */
  #isRegistered({ hostid, key }: ReservationCommand): boolean {
    return this.#keys.get(hostid) === key;
  }

  register(command: RegisterCommand): number {
    const { hostid, action, ignoresKey, newKey } = command;
    const before = this.#keys.get(hostid);
    switch (action) {
      case registerAction.register:
        if (before !== undefined && before !== newKey && !ignoresKey) return sc.reservationConflict;
        break;
      case registerAction.unregister:
      case registerAction.replace:
        if (before === undefined || (!ignoresKey && before !== command.key)) return sc.reservationConflict;
        break;
      default:
        return sc.invalidField;
    }
    if (action === registerAction.unregister) this.#unregister(hostid);
    else this.#keys.set(hostid, newKey);
    this.#generation = (this.#generation + 1) >>> 0;
    return sc.success;
  }

  acquire(command: AcquireCommand): number {
    const { hostid, action, rtype, ignoresKey } = command;
    if (ignoresKey || rtype < type.writeExclusive || rtype > type.exclusiveAccessAll) return sc.invalidField;
    if (
      action !== acquireAction.acquire &&
      action !== acquireAction.preempt &&
      action !== acquireAction.preemptAndAbort
    ) {
      return sc.invalidField;
    }
    if (!this.#isRegistered(command)) return sc.reservationConflict;
    if (action !== acquireAction.acquire) return this.#preempt(command);
    if (this.#type === type.none) {
      this.#reserve(hostid, rtype);
      return sc.success;
    }
    return this.#holds(hostid) && this.#type === rtype ? sc.success : sc.reservationConflict;
  }

  /**
   * Those registered with PRKEY are so no more. The reservation changes hands if they hold it; where all registrants do,
   * PRKEY 0 takes it from all others.
   */
  #preempt({ hostid, rtype, preempted }: AcquireCommand): number {
    const takesAll = this.#isHeldByAll && preempted === 0n;
    const holderKey = this.#holder === null ? null : (this.#keys.get(this.#holder) ?? null);
    const takes = takesAll || (holderKey !== null && holderKey === preempted);
    if (!takes && preempted === 0n) return sc.invalidField;
    const losers = [...this.#keys].filter(([host, key]) => host !== hostid && (takesAll || key === preempted));
    if (losers.length === 0 && !takes) return sc.reservationConflict;
    for (const [host] of losers) this.#keys.delete(host);
    if (takes) this.#reserve(hostid, rtype);
    this.#generation = (this.#generation + 1) >>> 0;
    return sc.success;
  }

  release(command: ReleaseCommand): number {
    const { hostid, action, rtype, ignoresKey } = command;
    if (ignoresKey) return sc.invalidField;
    if (!this.#isRegistered(command)) return sc.reservationConflict;
    switch (action) {
      case releaseAction.release:
        // Who does not hold it has nothing to give back, and is told so by nothing.
        if (!this.#holds(hostid)) return sc.success;
        if (rtype !== this.#type) return sc.invalidField;
        this.#free();
        return sc.success;
      case releaseAction.clear:
        this.#keys.clear();
        this.#free();
        this.#generation = (this.#generation + 1) >>> 0;
        return sc.success;
      default:
        return sc.invalidField;
    }
  }

  #reserve(hostid: string, rtype: number): void {
    this.#type = rtype;
    this.#holder = this.#isHeldByAll ? null : hostid;
  }

  #free(): void {
    this.#type = type.none;
    this.#holder = null;
  }

  #unregister(hostid: string): void {
    this.#keys.delete(hostid);
    if (this.#holder === hostid || (this.#isHeldByAll && this.#keys.size === 0)) this.#free();
  }
}
