/**
 * How a served device ends when a signal asks for it, as a table. A device in use is never taken from its holders by
 * the first signal: they are named, and it is served on. Only a second one forces, and then they get EIO.
 */

/**
 * - `serving`: nobody asked for an end.
 * - `looking`: asked; who uses the device is being found out. A signal that comes now is part of the same wish.
 * - `waiting`: in use, holders were named, and the grace runs: the device goes as soon as they have gone.
 * - `warned`: it goes on being served; the next signal forces. A program started with --force begins here.
 * - `looking-again`: asked again; if nobody uses the device any more there is nothing to force.
 * - `detaching`: an orderly end is under way: flush, then take away. If that fails the device is served on.
 * - `detaching-last`: the same after a second signal: if that fails, it is forced.
 * - `forcing`: a forced end is under way.
 * - `ended`: the device is gone, or all that could be done was done.
 */
export type EndingState =
  | 'serving'
  | 'looking'
  | 'waiting'
  | 'warned'
  | 'looking-again'
  | 'detaching'
  | 'detaching-last'
  | 'forcing'
  | 'ended';

/**
 * - `signal`: SIGINT, SIGTERM, SIGHUP, or the key for it.
 * - `free`, `used`: what a look at the holders found.
 * - `grace-over`: the time that holders were given has passed.
 * - `detached`: the device is gone. `busy`: it was taken up by somebody between look and detach. `failed`: it could not
 *   be taken away (a flush failed, the kernel refused).
 * - `gone`: it went without us: somebody else detached it, or it was lost.
 */
export type EndingEvent = 'signal' | 'free' | 'used' | 'grace-over' | 'detached' | 'busy' | 'failed' | 'gone';

export type EndingAction =
  | 'nothing'
  | 'look'
  | 'detach'
  | 'force'
  | 'name-holders'
  | 'say-serving-on'
  | 'say-failed'
  | 'finish';

type Row = readonly [EndingState, EndingAction];

const table: Readonly<Record<EndingState, Partial<Record<EndingEvent, Row>>>> = {
  serving: { signal: ['looking', 'look'] },
  looking: { free: ['detaching', 'detach'], used: ['waiting', 'name-holders'] },
  waiting: {
    free: ['detaching', 'detach'],
    'grace-over': ['warned', 'say-serving-on'],
    signal: ['looking-again', 'look'],
  },
  warned: { signal: ['looking-again', 'look'] },
  'looking-again': { free: ['detaching-last', 'detach'], used: ['forcing', 'force'] },
  detaching: {
    signal: ['forcing', 'force'],
    detached: ['ended', 'finish'],
    busy: ['waiting', 'name-holders'],
    failed: ['warned', 'say-failed'],
  },
  'detaching-last': {
    signal: ['forcing', 'force'],
    detached: ['ended', 'finish'],
    busy: ['forcing', 'force'],
    failed: ['forcing', 'force'],
  },
  forcing: { detached: ['ended', 'finish'], busy: ['ended', 'finish'], failed: ['ended', 'finish'] },
  ended: {},
};

export const endingStates = Object.keys(table).filter((name): name is EndingState => Object.hasOwn(table, name));
export const endingEvents: readonly EndingEvent[] = [
  'signal',
  'free',
  'used',
  'grace-over',
  'detached',
  'busy',
  'failed',
  'gone',
];

/** What follows; an event that a state does not know (a look that came too late) changes nothing. */
export function nextEnding(state: EndingState, event: EndingEvent): Row {
  if (event === 'gone' && state !== 'ended') return ['ended', 'finish'];
  return table[state][event] ?? [state, 'nothing'];
}
