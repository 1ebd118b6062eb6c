/** Leads one attachment to its end by the table of ending-table.ts: looks, waits, detaches, and says what it does. */
import { CausewayError } from '../base/errors.ts';
import type { Attachment } from '../host/contract.ts';
import type { HolderView } from '../host/view.ts';
import { type EndingEvent, type EndingState, nextEnding } from './ending-table.ts';

/**
 * Signals this close together are one wish: a terminal sends Ctrl-C to the whole process group, and a parent (npm, a
 * shell) forwards its own to us once more. A device that seems in use is looked at again only after this time, so the
 * holders are named, and a second signal can be an answer to that, only when no echo comes any more. Milliseconds.
 */
const echoTime = 250;
/** How often holders are looked for while the grace runs, milliseconds. */
const pollTime = 200;
/** A look that takes longer counts as `used`, milliseconds. */
const lookTimeout = 3_000;
/** Beyond what an attachment itself takes at most to detach, milliseconds. */
const detachTimeout = 60_000;

export interface EndingOptions {
  /** How long holders are given to go, milliseconds. */
  readonly grace: number;
  /** The first signal already forces if the device is in use. */
  readonly force: boolean;
}

/** An orderly detach that takes longer is worth a word, milliseconds. */
const slowDetach = 3_000;

const takingAway: ReadonlySet<EndingState> = new Set(['detaching', 'detaching-last', 'forcing', 'ended']);

/** What is said on the way, each once when it happens. */
export interface EndingVoice {
  /** In use; served on for `grace` milliseconds at least. */
  inUse(holders: readonly HolderView[], grace: number): void;
  /** Still in use when the grace is over: served on, the next signal forces. */
  servingOn(holders: readonly HolderView[]): void;
  /** The orderly detach has not come to its end yet: what the kernel holds back for the device cannot be written now. */
  slow(): void;
  /** The orderly detach failed; the device is served on, the next signal forces. */
  failed(error: CausewayError): void;
}

/** Time and waiting, so that tests need none. */
export interface EndingClock {
  now(): number;
  after(milliseconds: number, callback: () => void): void;
}

export class Ending {
  /** Resolves when the device has ended; with the error if it could not be taken away even by force. */
  readonly done: Promise<CausewayError | null>;
  readonly #attachment: Attachment;
  readonly #options: EndingOptions;
  readonly #voice: EndingVoice;
  readonly #clock: EndingClock;
  #finish: (error: CausewayError | null) => void = () => undefined;
  #state: EndingState;
  #holders: readonly HolderView[] = [];
  #lastSignal = Number.NEGATIVE_INFINITY;
  #graceEnds = Number.NaN;
  #error: CausewayError | null = null;
  #wasLost = false;

  constructor(attachment: Attachment, options: EndingOptions, voice: EndingVoice, clock: EndingClock) {
    this.#attachment = attachment;
    this.#options = options;
    this.#voice = voice;
    this.#clock = clock;
    this.#state = options.force ? 'warned' : 'serving';
    this.done = new Promise((resolve) => (this.#finish = resolve));
    void attachment.gone.then(() => this.#on('gone'));
  }

  get state(): EndingState {
    return this.#state;
  }

  /** The device went without having been taken away here. */
  get wasLost(): boolean {
    return this.#wasLost;
  }

  /** A signal, or the key that stands for one. */
  signal(): void {
    const now = this.#clock.now();
    const isEcho = now - this.#lastSignal < echoTime;
    if (isEcho) return;
    this.#lastSignal = now;
    this.#on('signal');
  }

  #on(event: EndingEvent): void {
    if (event === 'gone') this.#wasLost = !takingAway.has(this.#state);
    const [state, action] = nextEnding(this.#state, event);
    this.#state = state;
    switch (action) {
      case 'look':
        this.#look(state);
        break;
      case 'name-holders':
        if (Number.isNaN(this.#graceEnds)) this.#graceEnds = this.#clock.now() + this.#options.grace;
        this.#voice.inUse(this.#holders, Math.max(0, this.#graceEnds - this.#clock.now()));
        this.#poll();
        break;
      case 'say-serving-on':
        this.#graceEnds = Number.NaN;
        this.#voice.servingOn(this.#holders);
        break;
      case 'detach':
        this.#detach(false);
        break;
      case 'force':
        this.#detach(true);
        break;
      case 'say-failed':
        this.#graceEnds = Number.NaN;
        if (this.#error !== null) this.#voice.failed(this.#error);
        break;
      case 'finish':
        this.#finish(event === 'failed' || event === 'busy' ? this.#error : null);
        break;
      case 'nothing':
        break;
    }
  }

  /** One look, or, where the first signal found it used, a second one when no echo of that signal comes any more. */
  #look(state: EndingState): void {
    const first = state === 'looking';
    this.#ask((used) => {
      if (used && first) this.#clock.after(echoTime, () => this.#ask((still) => this.#on(still ? 'used' : 'free')));
      else this.#on(used ? 'used' : 'free');
    });
  }

  #poll(): void {
    this.#clock.after(pollTime, () => {
      if (this.#state !== 'waiting') return;
      this.#ask((used) => {
        if (this.#state !== 'waiting') return;
        if (!used) this.#on('free');
        else if (this.#clock.now() >= this.#graceEnds) this.#on('grace-over');
        else this.#poll();
      });
    });
  }

  /** Who uses the device: an answer in any case, and one only. Not knowing counts as used. */
  #ask(answer: (used: boolean) => void): void {
    let answered = false;
    const once = (used: boolean): void => {
      if (answered) return;
      answered = true;
      answer(used);
    };
    this.#clock.after(lookTimeout, () => once(true));
    this.#attachment.holders().then(
      (holders) => {
        if (!answered) this.#holders = holders;
        once(holders.length > 0);
      },
      () => once(true),
    );
  }

  #detach(force: boolean): void {
    let answered = false;
    const settle = (event: 'detached' | 'busy' | 'failed', error: CausewayError | null): void => {
      // An orderly detach that was overtaken by a forced one has nothing to say any more.
      if (answered || (this.#state === 'forcing') !== force) return;
      answered = true;
      this.#error = error;
      this.#on(event);
    };
    if (!force) {
      this.#clock.after(slowDetach, () => {
        if (!answered && takingAway.has(this.#state) && this.#state !== 'forcing') this.#voice.slow();
      });
    }
    const what = force ? 'the forced detach' : 'the detach';
    this.#clock.after(detachTimeout, () => {
      settle('failed', new CausewayError('control-timeout', `${what} took longer than ${detachTimeout / 1000} s`));
    });
    this.#attachment.detach({ force }).then(
      () => settle('detached', null),
      (error: unknown) => {
        if (!isBusyError(error)) {
          settle('failed', asCoded(error));
          return;
        }
        this.#ask(() => settle('busy', asCoded(error)));
      },
    );
  }
}

/** The device could not be taken away because somebody uses it. */
export function isBusyError(error: unknown): boolean {
  return error instanceof CausewayError && (error.code === 'device-in-use' || error.code === 'kernel-device-busy');
}

function asCoded(error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  return new CausewayError('assertion', error instanceof Error ? error.message : String(error), { cause: error });
}
