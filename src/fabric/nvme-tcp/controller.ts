/**
 * One life of one controller, as its admin queue sees it: from the TCP connection to the point where I/O queues may be
 * opened, then keep-alive, events, logs, reset and shutdown. I/O queues belong to the reactors and are not seen here.
 *
 * The order of bring-up is NVMe Base's ("Fabrics controller initialization"): connection, Connect, authentication, CAP, CC.EN = 1, CSTS.RDY, Identify Controller, number of queues, event configuration, keep-alive.
 */
import { CausewayError } from '../../base/errors.ts';
import type { Address, Io } from '../../io/contract.ts';
import {
  abortCommand,
  adminChannel,
  crossControllerReset,
  identify,
  keepAlive,
  propertyGet,
  propertySet,
  readCountedLog,
  readLogBytes,
  requestQueues,
  setFeatures,
  tryIdentify,
  absurdLog,
} from './admin-commands.ts';
import { adminDataBytes, type AdminListener, AdminQueue } from './admin-queue.ts';
import { readAsyncEvent } from './admin-sqe.ts';
import { type AnaLog, anaLogBytes, anaLogHeaderBytes, readAnaLog } from './ana-log.ts';
import { ccrLogBytes, readCcrLog } from './ccr-log.ts';
import {
  asyncEventBit,
  asyncEventType,
  cmic,
  cns,
  cntlidDynamic,
  controllerType,
  csi,
  featureId,
  logPageId,
  lspCcrRmc,
  noticeInfo,
} from './constants.ts';
import { checkIoController, inCapsuleBytes, retryDelayMs, transferBytes } from './controller-limits.ts';
import {
  type IdentifyController,
  type IdentifyControllerNvm,
  readIdentifyController,
  readIdentifyControllerNvm,
} from './identify-controller.ts';
import type { Authenticated } from './auth/host-side.ts';
import type { ConnectResponse } from './fabrics-sqe.ts';
import type { DhchapSecrets } from './auth/secret.ts';
import { namespaceListBytes, readChangedNamespaces } from './namespace-list.ts';
import { type Cap, capCss, property, readCap, readCsts, readyTimeoutMs, shn, writeCc } from './properties.ts';
import type { PassthroughCommand, PassthroughResult } from './passthrough.ts';
import { authenticateQueue, needsAuthentication } from './queue-authentication.ts';
import { addressText, expectedError } from './transport-error.ts';

/** Where a controller tells what happens without being asked. */
export interface ControllerListener {
  /** The admin connection is over, a keep-alive failed, or the controller reported a fatal state. Said once. */
  onControllerLost(error: CausewayError): void;
  onNamespacesChanged(): void;
  onAnaChanged(): void;
  onDiscoveryChanged(): void;
  /** A cross-controller reset that was asked for over this controller is over: the log says how. */
  onCrossControllerReset(): void;
}

export interface ControllerOptions {
  readonly address: Address;
  readonly hostid: string;
  readonly hostnqn: string;
  readonly subnqn: string;
  /** Null: there is nothing to authenticate with. */
  readonly dhchap: DhchapSecrets | null;
  /** Digests to ask for, bits of `digestBit`. */
  readonly digests: number;
  /** Keep-alive time-out, milliseconds; 0 = none (discovery). */
  readonly katoMs: number;
  readonly adminTimeoutMs: number;
  readonly userTimeoutMs: number;
  readonly handshakeMs: number;
  /** I/O queues wanted; 0 = a discovery controller. */
  readonly ioQueues: number;
  /** Commands wanted on an I/O queue. */
  readonly queueDepth: number;
}

/** What is known of a controller that is ready. */
export interface ReadyController {
  readonly cntlid: number;
  /** How its admin queue was authenticated; null: not at all. */
  readonly authenticated: Authenticated | null;
  readonly id: IdentifyController;
  readonly nvm: IdentifyControllerNvm | null;
  readonly cap: Cap;
  readonly pageBytes: number;
  /** I/O queues granted. */
  readonly ioQueues: number;
  /** Commands at once on an I/O queue. */
  readonly queueDepth: number;
  readonly inCapsuleBytes: number;
  readonly retryDelaysMs: readonly number[];
  /** The keep-alive time-out that the controller goes by: ours rounded up to its granularity. 0 = none. */
  readonly katoMs: number;
  readonly hasAna: boolean;
}

/** Of CAP.TO, which may say 0: the controller gets at least this long to become ready. */
const leastReadyMs = 2000;
const pollMs = 20;
const longestPollMs = 200;
/** A reset or shutdown is a courtesy or a fence that time replaces: it is not waited for longer than this. */
const longestResetMs = 10_000;
const longestShutdownMs = 5_000;
/** Asynchronous event requests at once; more than one so that an event during the handling of another is told at once. */
const asyncEvents = 4;
/** Keep-alives are sent this many times within the time-out, so that two may be lost. */
const keepAlivesPerTimeout = 3;

export class Controller implements AdminListener {
  readonly options: ControllerOptions;
  readonly #io: Io;
  readonly #listener: ControllerListener;
  readonly #admin: AdminQueue;
  #ready: ReadyController | null = null;
  readonly #resets = new Map<string, number>();
  #ended = false;
  #ending: Promise<void> | null = null;
  #lostTold = false;
  /** A connection that ends meanwhile may be a refusal: `start` says how it is meant. */
  #isAuthenticating = false;

  constructor(io: Io, listener: ControllerListener, options: ControllerOptions) {
    this.#io = io;
    this.#listener = listener;
    this.options = options;
    this.#admin = new AdminQueue(io, options.address, this, {
      digests: options.digests,
      timeoutMs: options.adminTimeoutMs,
      userTimeout: options.userTimeoutMs,
      handshakeMs: options.handshakeMs,
    });
  }

  /** Set once `start` has resolved. */
  get ready(): ReadyController | null {
    return this.#ready;
  }

  get admin(): AdminQueue {
    return this.#admin;
  }

  /** The admin connection stands. */
  get alive(): boolean {
    return !this.#ended && this.#admin.alive;
  }

  /** Brings the controller up. @throws CausewayError why it cannot be; the caller then calls `abort` */
  async start(): Promise<ReadyController> {
    const { options } = this;
    await this.#admin.open();
    const response = await this.#admin.connect({ ...options, cntlid: cntlidDynamic });
    const { cntlid } = response;
    const authenticated = await this.#authenticate(response);
    const caps = await propertyGet(this.#admin, property.cap);
    const cap = readCap(caps.low, caps.high);
    await this.#enable(cap);
    const id = readIdentifyController(await identify(this.#admin, 0, cns.controller), 0);
    const isDiscovery = options.ioQueues === 0;
    this.#checkType(id, isDiscovery);
    const pageBytes = cap.mpsminBytes;
    const ioQueues = isDiscovery ? 0 : await requestQueues(this.#admin, options.ioQueues);
    await this.#configureEvents(id);
    const katoMs = this.#effectiveKato(id);
    if (katoMs > 0) void this.#keepAlive(Math.floor(Math.min(katoMs, options.katoMs) / keepAlivesPerTimeout));
    const ready: ReadyController = {
      cntlid,
      authenticated,
      id,
      nvm: isDiscovery ? null : await this.#identifyNvm(),
      cap,
      pageBytes,
      ioQueues,
      queueDepth: queueDepthOf(options.queueDepth, cap, id),
      inCapsuleBytes: isDiscovery ? 0 : inCapsuleBytes(id),
      retryDelaysMs: [0, 1, 2, 3].map((crd) => retryDelayMs(id, crd)),
      katoMs,
      hasAna: (id.cmic & cmic.anaReporting) !== 0,
    };
    this.#ready = ready;
    return ready;
  }

  /** Null: nobody asks for it. */
  async #authenticate(response: ConnectResponse): Promise<Authenticated | null> {
    const { options } = this;
    // What a discovery service says is proved by whoever is found by it.
    const isNeeded = options.ioQueues === 0 ? response.authenticationRequired : needsAuthentication(response, options);
    if (!isNeeded) return null;
    this.#isAuthenticating = true;
    try {
      return await authenticateQueue(this.#io, adminChannel(this.#admin), response, options);
    } finally {
      this.#isAuthenticating = false;
    }
  }

  async #enable(cap: Cap): Promise<void> {
    const where = addressText(this.options.address);
    const isDiscovery = this.options.ioQueues === 0;
    if (!isDiscovery && (cap.css & (capCss.nvm | capCss.byCsi)) === 0) {
      throw new CausewayError('nvme-unsupported-controller', `The controller at ${where} has no NVM command set.`);
    }
    const mps = Math.log2(cap.mpsminBytes) - 12;
    // All command sets where there is a choice: what is not NVM is then seen, and refused by name.
    const css = (cap.css & capCss.byCsi) !== 0 ? 6 : 0;
    const cc = { en: true, css, mps, ams: 0, shn: shn.none, iosqes: 6, iocqes: 4, crime: false };
    await propertySet(this.#admin, property.cc, writeCc(cc));
    const crto = cap.crms === 0 ? 0 : (await propertyGet(this.#admin, property.crto)).low;
    const limit = Math.max(leastReadyMs, readyTimeoutMs(cap, crto));
    if (!(await this.#waitForReady(true, limit))) {
      throw new CausewayError('nvme-not-ready', `The controller at ${where} is not ready after ${limit} ms.`);
    }
  }

  /** Polls CSTS until RDY is as wanted; false if it is not in time or the controller is in a fatal state. */
  async #waitForReady(wanted: boolean, limitMs: number): Promise<boolean> {
    const deadline = this.#io.clock.now() + limitMs;
    for (let pause = pollMs; ; pause = Math.min(pause * 2, longestPollMs)) {
      const csts = readCsts((await propertyGet(this.#admin, property.csts)).low);
      if (csts.rdy === wanted) return true;
      if (wanted && csts.cfs) return false;
      if (this.#io.clock.now() >= deadline) return false;
      await this.#io.sleep(pause);
    }
  }

  #checkType(id: IdentifyController, isDiscovery: boolean): void {
    const { cntrltype } = id;
    const where = addressText(this.options.address);
    if (isDiscovery) {
      if (cntrltype === controllerType.discovery || cntrltype === controllerType.notReported) return;
      throw new CausewayError(
        'nvme-unsupported-controller',
        `The controller at ${where} is not a discovery controller.`,
      );
    }
    if (cntrltype !== controllerType.io && cntrltype !== controllerType.notReported) {
      const kind = cntrltype === controllerType.discovery ? 'a discovery' : 'an administrative';
      throw new CausewayError('nvme-unsupported-controller', `${where} leads to ${kind} controller, not to volumes.`);
    }
    checkIoController(id);
  }

  async #identifyNvm(): Promise<IdentifyControllerNvm | null> {
    const { data } = await tryIdentify(this.#admin, 0, cns.csController, csi.nvm);
    return data === null ? null : readIdentifyControllerNvm(data, 0);
  }

  async #configureEvents(id: IdentifyController): Promise<void> {
    const wanted =
      asyncEventBit.namespaceAttributeNotices | asyncEventBit.anaChangeNotices | asyncEventBit.discoveryLogChange;
    const events = (id.oaes & wanted) >>> 0;
    if (events !== 0) await setFeatures(this.#admin, featureId.asyncEventConfiguration, events);
    this.#admin.armAsyncEvents(Math.min(asyncEvents, id.aerl + 1));
  }

  #effectiveKato(id: IdentifyController): number {
    const { katoMs } = this.options;
    if (katoMs === 0 || id.kas === 0) return 0;
    const granularity = id.kas * 100;
    return Math.ceil(katoMs / granularity) * granularity;
  }

  async #keepAlive(intervalMs: number): Promise<void> {
    while (this.alive) {
      try {
        await keepAlive(this.#admin);
      } catch (error) {
        this.#lost(expectedError(error));
        return;
      }
      await this.#io.sleep(intervalMs);
    }
  }

  /** The ANA log, consistent in itself. Only with `hasAna`. */
  async readAnaLog(): Promise<AnaLog> {
    const { id } = this.#mustBeReady();
    const namespaces = Math.min(id.mnan === 0 ? id.nn : id.mnan, maxAnaNamespaces);
    const most = anaLogBytes(Math.min(id.nanagrpid, maxAnaGroups), namespaces);
    const log = await readCountedLog(
      this.#admin,
      {
        lid: logPageId.ana,
        lsp: 0,
        headerBytes: anaLogHeaderBytes,
        wholeBytes: (header) => {
          const groups = header.getUint16(8, true);
          if (groups > maxAnaGroups) throw absurdLog('an ANA log', groups * 32);
          return groups === 0 ? anaLogHeaderBytes : most;
        },
        count: (header) => header.getBigUint64(0, true),
      },
      this.#pieceBytes(),
    );
    return readAnaLog(log, 0, log.byteLength);
  }

  /** Clears the event and says which namespaces changed; null = all may have. */
  async readChangedNamespaces(): Promise<number[] | null> {
    const log = await readLogBytes(this.#admin, logPageId.changedNamespaces, 0, namespaceListBytes, this.#pieceBytes());
    return readChangedNamespaces(log, 0);
  }

  /**
   * How the cross-controller reset of that controller, asked for over this one, went: one of `ccrStatus`, or null if the
   * log does not speak of it. Reading removes finished entries from the log, which several fences share: so they are
   * remembered here.
   */
  async crossControllerResetStatus(cntlid: number, ciu: number): Promise<number | null> {
    const log = await readLogBytes(this.#admin, logPageId.crossControllerReset, lspCcrRmc, ccrLogBytes, adminDataBytes);
    for (const { icid, ciu: instance, ccrs } of readCcrLog(log, 0)) this.#resets.set(`${icid}.${instance}`, ccrs);
    return this.#resets.get(`${cntlid}.${ciu}`) ?? null;
  }

  /** A Keep Alive out of turn. */
  async askAlive(): Promise<void> {
    await keepAlive(this.#admin);
  }

  /** Asks it to abort a command of an I/O queue, as `abortCommand`. */
  abortCommand(qid: number, cid: number): Promise<boolean> {
    return abortCommand(this.#admin, qid, cid);
  }

  /** As AdminQueue.passthrough. */
  passthrough(command: PassthroughCommand, isRepeatable: boolean): Promise<PassthroughResult> {
    return this.#admin.passthrough(command, isRepeatable);
  }

  /** As AdminQueue.leftBehind. */
  get leftBehind(): number {
    return this.#admin.leftBehind;
  }

  /** Asks this controller to reset another one. */
  crossControllerReset(cntlid: number, ciu: number, cirn: bigint): Promise<{ status: number; isImmediate: boolean }> {
    this.#resets.delete(`${cntlid}.${ciu}`);
    return crossControllerReset(this.#admin, cntlid, ciu, cirn);
  }

  #pieceBytes(): number {
    const { id, pageBytes } = this.#mustBeReady();
    return Math.min(adminDataBytes, transferBytes(id, pageBytes));
  }

  #mustBeReady(): ReadyController {
    if (this.#ready === null) throw new CausewayError('assertion', 'a controller is used before it is ready');
    return this.#ready;
  }

  /**
   * Resets the controller: CC.EN = 0, then waits for CSTS.RDY = 0. True: none of its commands can be executed any more.
   * False or an error: nothing is known.
   */
  async reset(): Promise<boolean> {
    const toMs = this.#ready?.cap.toMs ?? 0;
    await propertySet(this.#admin, property.cc, 0);
    return await this.#waitForReady(false, Math.min(longestResetMs, Math.max(leastReadyMs, toMs)));
  }

  /** Orderly end of an idle controller, bounded; what goes wrong is not worth telling. */
  async shutdown(): Promise<void> {
    if (this.alive && this.#ready !== null) {
      try {
        const { cap } = this.#ready;
        const mps = Math.log2(cap.mpsminBytes) - 12;
        const css = (cap.css & capCss.byCsi) !== 0 ? 6 : 0;
        const cc = { en: true, css, mps, ams: 0, shn: shn.normal, iosqes: 6, iocqes: 4, crime: false };
        await propertySet(this.#admin, property.cc, writeCc(cc));
        const deadline = this.#io.clock.now() + longestShutdownMs;
        while (this.#io.clock.now() < deadline) {
          const csts = readCsts((await propertyGet(this.#admin, property.csts)).low);
          if (csts.shst === 2) break;
          await this.#io.sleep(pollMs);
        }
      } catch (error) {
        expectedError(error);
      }
    }
    await this.abort();
  }

  /** Ends the admin connection at once. Resolves when nothing refers to any buffer and the memory is given back. */
  abort(): Promise<void> {
    this.#ended = true;
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await this.#admin.abort();
    this.#admin.release();
  }

  // AdminListener

  onAdminLost(error: CausewayError): void {
    this.#lost(error);
  }

  onAdminDetached(): void {}

  onAsyncEvent(dword0: number): void {
    const { type, info } = readAsyncEvent(dword0);
    if (type !== asyncEventType.notice) return;
    if (info === noticeInfo.namespaceAttributeChanged) this.#listener.onNamespacesChanged();
    else if (info === noticeInfo.anaChange) this.#listener.onAnaChanged();
    else if (info === noticeInfo.discoveryLogChange) this.#listener.onDiscoveryChanged();
    else if (info === noticeInfo.crossControllerResetCompleted) this.#listener.onCrossControllerReset();
  }

  #lost(error: CausewayError): void {
    if (this.#lostTold || this.#ended || this.#isAuthenticating) return;
    this.#lostTold = true;
    this.#listener.onControllerLost(error);
  }
}

/** ANA groups and namespaces beyond these are not believed. */
const maxAnaGroups = 4096;
const maxAnaNamespaces = 65536;

/** A queue of n entries holds n - 1 commands; MAXCMD, where reported, bounds them too. */
function queueDepthOf(wanted: number, cap: Cap, id: IdentifyController): number {
  const byEntries = Math.max(1, cap.mqes - 1);
  const byCommands = id.maxcmd === 0 ? wanted : id.maxcmd;
  return Math.max(1, Math.min(wanted, byEntries, byCommands));
}
