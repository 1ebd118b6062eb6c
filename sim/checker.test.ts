/** Histories made by hand: what the checker accepts, and each kind of what it refuses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Checker, type CheckerOptions } from './checker.ts';

const zeroes = 0;

/** One block, and requests by name. */
class History {
  readonly checker = new Checker(4, () => 0);
  readonly #issued = new Map<string, number>();
  readonly #values = new Map<string, number>();
  #last = 0;

  constructor(options: Partial<CheckerOptions> = {}) {
    this.checker.begin({ blocks: 4, volatileCache: false, strictErrors: true, strictFlushes: true, ...options });
  }

  issue(name: string, value: number | null = null, mayDoNothing = false): this {
    const at = this.checker.tick();
    this.#last += 1;
    this.#issued.set(name, at);
    this.#values.set(name, value ?? this.#last);
    this.checker.issue(at, 1, 1, value ?? this.#last, mayDoNothing);
    return this;
  }

  ack(name: string, durable = false): this {
    this.checker.acknowledge(this.#at(name), 1, 1, durable);
    return this;
  }

  fail(name: string): this {
    this.checker.fail(this.#at(name), 1, 1);
    return this;
  }

  write(name: string): this {
    return this.issue(name).ack(name);
  }

  begin(name: string): this {
    this.#issued.set(name, this.checker.tick());
    return this;
  }

  flushed(name: string, succeeded = true): this {
    this.checker.flushed(this.#at(name), succeeded);
    return this;
  }

  flush(succeeded = true): this {
    return this.begin('flush').flushed('flush', succeeded);
  }

  lose(): this {
    this.checker.lossBegins();
    this.checker.lossEnds();
    return this;
  }

  /** A read that was begun before, or begins only now, shows what `name` wrote. */
  shows(name: string, read = ''): this {
    assert.equal(this.#read(name, read), true, `${name} should be possible`);
    return this;
  }

  refuses(name: string, read = ''): void {
    assert.equal(this.#read(name, read), false, `${name} should not be possible`);
  }

  #read(name: string, read: string): boolean {
    const at = read === '' ? this.checker.tick() : this.#at(read);
    return this.checker.read(at, 1, name === 'zeroes' ? zeroes : this.#values.get(name)!);
  }

  #at(name: string): number {
    return this.#issued.get(name)!;
  }
}

/** Two flushes are under way after a loss, and one of them has told of it. */
function lostUnderTwoFlushes(): History {
  const history = new History({ volatileCache: true }).write('a').write('b').lose();
  return history.begin('one').begin('two').flushed('one', false);
}

describe('the checker accepts', () => {
  it('zeroes at the beginning, and the last acknowledged write', () => {
    new History().shows('zeroes').write('a').shows('a').write('b').shows('b').shows('b');
  });

  it('either of two writes that were under way together', () => {
    for (const winner of ['a', 'b']) new History().issue('a').issue('b').ack('a').ack('b').shows(winner).shows(winner);
  });

  it('a write before it is acknowledged, and its predecessor', () => {
    new History().write('a').issue('b').shows('a').shows('a').shows('b').ack('b').shows('b');
    new History().issue('a').issue('b').shows('a').shows('b').shows('a').ack('b').shows('a').ack('a').shows('a');
  });

  it('what was there when the read began', () => {
    new History().write('a').begin('r').write('b').write('c').shows('a', 'r');
    new History().write('a').begin('r').write('b').write('c').shows('b', 'r');
  });

  it('a failed write, or nothing of it, until the next one is acknowledged', () => {
    new History().write('a').issue('b').fail('b').shows('a').shows('b').write('c').shows('c');
    new History().issue('a').issue('b').fail('b').shows('a').ack('a').shows('a').shows('b');
  });

  it('a discard that did nothing, and one that zeroed', () => {
    new History().write('a').issue('d', zeroes, true).ack('d').shows('a');
    new History().write('a').issue('d', zeroes, true).ack('d').shows('zeroes');
  });

  it('what a lost cache brings back, while nothing was flushed', () => {
    new History({ volatileCache: true }).write('a').write('b').lose().shows('a');
    new History({ volatileCache: true }).write('a').write('b').shows('b').lose().shows('a').shows('a');
    new History({ volatileCache: true }).write('a').write('b').lose().shows('b');
  });

  it('a loss that a failed flush has told of, also later', () => {
    new History({ volatileCache: true }).write('a').write('b').flush(false).flush().lose().shows('a');
  });

  it('that what a failed flush put in doubt is lost later, although a read has shown it meanwhile', () => {
    const history = new History({ volatileCache: true }).write('a').write('b').flush(false);
    history.lose().shows('b').flush().lose().shows('a');
  });

  it('that a write was lost before it was acknowledged', () => {
    new History({ volatileCache: true }).write('a').issue('b').lose().ack('b').shows('a');
  });
});

describe('the checker refuses', () => {
  it('what was covered before the read began', () => {
    new History().write('a').write('b').refuses('a');
    new History().write('a').issue('z', zeroes).ack('z').refuses('a');
    new History().write('a').refuses('zeroes');
  });

  it('what nobody wrote there', () => {
    new History().write('a').refuses('nobody');
  });

  it('a write that is older than what a read has shown', () => {
    new History().issue('a').issue('b').ack('a').ack('b').shows('b').refuses('a');
  });

  it('a ghost: an acknowledged write that shows again after a later one was seen', () => {
    new History().issue('a').issue('b').ack('a').shows('b').ack('b').refuses('a');
  });

  it('a failed write that comes after one that was issued later', () => {
    new History().issue('a').fail('a').write('b').refuses('a');
    new History({ strictErrors: false }).issue('a').fail('a').write('b').shows('a');
  });

  it('what a write under way was seen to cover', () => {
    new History().write('a').issue('b').shows('b').refuses('a');
  });

  it('zeroes of a discard after a read has shown the data', () => {
    new History().write('a').issue('d', zeroes, true).ack('d').shows('a').refuses('zeroes');
  });

  it('what came back although no cache was lost', () => {
    new History({ volatileCache: true }).write('a').write('b').refuses('a');
  });

  it('what came back although it was flushed', () => {
    new History({ volatileCache: true }).write('a').write('b').flush().lose().refuses('a');
    new History({ volatileCache: true }).write('a').issue('b').ack('b', true).lose().refuses('a');
  });

  it('a flush that succeeded after the loss', () => {
    new History({ volatileCache: true }).write('a').write('b').lose().flush().refuses('a');
  });

  it('a flush that succeeded while another one told of the loss', () => {
    lostUnderTwoFlushes().flushed('two').refuses('a');
    lostUnderTwoFlushes().shows('a');
  });

  it('what came back under a write that was made after a failed flush, and flushed', () => {
    new History({ volatileCache: true }).write('a').flush(false).write('b').flush().lose().refuses('a');
  });
});

it('the checker makes room for what is decided, and says when there is none', () => {
  const checker = new Checker(1, () => Number.POSITIVE_INFINITY);
  checker.begin({ blocks: 1, volatileCache: false, strictErrors: true, strictFlushes: true });
  for (let value = 1; value < 5000; value += 1) {
    const at = checker.tick();
    checker.issue(at, 0, 1, value, false);
    checker.acknowledge(at, 0, 1, false);
  }
  assert.equal(checker.isCrowded(0, 1), false);
  assert.throws(() => {
    for (let value = 1; value < 5000; value += 1) checker.issue(checker.tick(), 0, 1, value, false);
  }, /more open ends/);
});
