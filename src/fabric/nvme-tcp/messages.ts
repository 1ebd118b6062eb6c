/**
 * What the lead (the reactor that runs the associations) and the reactors say to each other. Plain data, so that it can
 * cross threads. Messages from one reactor to another arrive in order. An *association* is named by its number; a message
 * that speaks of another epoch than the receiver's is out of date and is ignored.
 */
import type { ErrorCode } from '../../base/errors.ts';
import type { Identity } from '../../block/device.ts';
import type { Address } from '../../io/contract.ts';
import type { PathLimits } from '../contract.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import type { Breakage } from './breakage.ts';

/**
 * How the array lets a namespace be used over one controller, by ANA. The numbers are those of the specification.
 * Set by the lead from the ANA log; without ANA reporting every path is `optimized`.
 */
export const access = {
  optimized: 1,
  nonOptimized: 2,
  /** Commands are refused now; another controller serves the namespace. */
  inaccessible: 3,
  /** Refused for good: the namespace's data is not reachable this way any more. */
  persistentLoss: 4,
  /** Between two states: to be tried again soon. */
  change: 15,
} as const;

export type Access = (typeof access)[keyof typeof access];

/** One namespace of one association, as every reactor gets to know it. */
export interface PathInfo {
  /** `address:port/nsid`. */
  readonly id: string;
  readonly nsid: number;
  readonly identity: Identity;
  /** Name of the subsystem, for people. */
  readonly subnqn: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly physicalBlockBytes: number;
  readonly readOnly: boolean;
  readonly volatileCache: boolean;
  readonly limits: PathLimits;
  /** Write zeroes may deallocate (DEAC). */
  readonly deallocatesZeroes: boolean;
  readonly access: Access;
}

/** How a fence came about: why a command of that life can no longer be executed. */
export type FenceKind =
  /** No command of unknown outcome was left. */
  | 'nothing-in-doubt'
  /** CSTS.RDY = 0 after CC.EN = 0 on the controller itself. */
  | 'controller-reset'
  /** Another controller of the subsystem reset it. */
  | 'cross-controller-reset'
  /** The time that the array itself names (CQT) has passed. */
  | 'time'
  /** The time that we assume has passed: not guaranteed by anything. */
  | 'time-assumed';

/** To a reactor: make an association known. Once, before anything else of it. */
export interface AddAssociation {
  readonly kind: 'add-association';
  readonly association: number;
  readonly depth: number;
  readonly digests: number;
  readonly ioTimeoutMs: number;
  readonly userTimeoutMs: number;
  readonly handshakeMs: number;
  /** Null: there is nothing to authenticate with. */
  readonly dhchap: DhchapSecrets | null;
}

/** One instance of a controller, as the array tells it from others that had or will have its number. */
export interface ControllerInstance {
  readonly cntlid: number;
  /** Controller instance uniquifier, and controller instance random number. */
  readonly ciu: number;
  readonly cirn: bigint;
}

/** To a reactor: open your I/O queue. Answered by `queue-opened` or `queue-lost` (and `queue-detached`). */
export interface OpenQueue extends ControllerInstance {
  readonly kind: 'open-queue';
  readonly association: number;
  readonly epoch: number;
  /** How long after its loss this life may still execute something, milliseconds. */
  readonly fenceMs: number;
  readonly address: Address;
  readonly qid: number;
  readonly hostid: string;
  readonly hostnqn: string;
  readonly subnqn: string;
  readonly depth: number;
  readonly inCapsuleBytes: number;
  readonly retryDelaysMs: readonly number[];
}

/** To a reactor: abort the queue of this life. Answered by `queue-detached`, also if there is no queue. */
export interface AbortQueue {
  readonly kind: 'abort-queue';
  readonly association: number;
  readonly epoch: number;
  /** Row of the outcome table for the commands under way. */
  readonly outcome: number;
}

/** To a reactor: these, and only these, namespaces are there now, with this access. */
export interface SetPaths {
  readonly kind: 'set-paths';
  readonly association: number;
  readonly epoch: number;
  readonly paths: readonly PathInfo[];
}

/** To a reactor: commands of this life (of no other) can no longer be executed. Every life is fenced at some time. */
export interface Fenced {
  readonly kind: 'fenced';
  readonly association: number;
  readonly epoch: number;
  readonly how: FenceKind;
}

/** To a reactor: the association is over. Its queue was aborted before. */
export interface RemoveAssociation {
  readonly kind: 'remove-association';
  readonly association: number;
}

export interface QueueOpened {
  readonly kind: 'queue-opened';
  readonly association: number;
  readonly epoch: number;
}

/** The queue is lost, or could not be opened. `queue-detached` follows. */
export interface QueueLost {
  readonly kind: 'queue-lost';
  readonly association: number;
  readonly epoch: number;
  readonly how: Breakage;
  /** Status with which Connect was refused; 0 = it was not. */
  readonly status: number;
  /** Result of the socket, and fatal error status and information, as far as `how` has them. */
  readonly errno: number;
  readonly fes: number;
  readonly fei: number;
  /** Why it was not authenticated; null: that was not why. */
  readonly refusal: { readonly code: ErrorCode; readonly message: string } | null;
}

/** A command on the queue was not answered in time: it is to be called back. */
export interface CommandOverdue {
  readonly kind: 'command-overdue';
  readonly association: number;
  readonly epoch: number;
  readonly cid: number;
}

/** A command on the queue was not answered in time, nor after it should have been called back. */
export interface QueueTimeout {
  readonly kind: 'queue-timeout';
  readonly association: number;
  readonly epoch: number;
}

/** All parts of the queue were given back. */
export interface QueueDetached {
  readonly kind: 'queue-detached';
  readonly association: number;
  readonly epoch: number;
  /** Parts that may still be executed by the array. */
  readonly inDoubt: number;
}

/** A command ended with an ANA status: the states known here are out of date. */
export interface AccessDoubted {
  readonly kind: 'access-doubted';
  readonly association: number;
  readonly epoch: number;
}

/** Nothing comes back over the queue, while other paths answer: is the controller alive? */
export interface QueueSuspected {
  readonly kind: 'queue-suspected';
  readonly association: number;
  readonly epoch: number;
}

/** The association is forgotten. */
export interface AssociationRemoved {
  readonly kind: 'association-removed';
  readonly association: number;
}

export type ToReactor = AddAssociation | OpenQueue | AbortQueue | SetPaths | Fenced | RemoveAssociation;
export type ToLead =
  | QueueOpened
  | QueueLost
  | CommandOverdue
  | QueueTimeout
  | QueueDetached
  | AccessDoubted
  | QueueSuspected
  | AssociationRemoved;

/** The lead's way to the reactors. What is posted arrives later, never from inside `post`, also at reactor 0. */
export interface LeadLink {
  /** How many reactors there are; their numbers are 0 to `reactors - 1`. */
  readonly reactors: number;
  post(reactor: number, message: ToReactor): void;
}

/** A reactor's way to the lead. */
export interface ReactorLink {
  post(message: ToLead): void;
}
