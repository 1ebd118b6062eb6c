import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { World } from '../io/sim/world.ts';
import { Command, type CommandOwner } from './command.ts';
import { HoldLine } from './hold-line.ts';

const nobody: CommandOwner = {
  heldExecution: () => undefined,
  heldAnswer: () => undefined,
  ghostExecution: () => undefined,
  onCommandBuffer: () => undefined,
  onCommandExecuted: () => undefined,
};

/** A line, commands for it, and when each was released. */
function scene(seed: number): {
  world: World;
  line: HoldLine;
  commands: Command[];
  released: [tag: number, after: number][];
} {
  const world = new World({ seed });
  const io = world.io('array');
  const from = world.now;
  const released: [number, number][] = [];
  const line = new HoldLine(io, (command) => released.push([command.tag, Math.round(world.now - from)]));
  const commands = Array.from({ length: 6 }, (_, tag) => new Command(io, tag, nobody, false));
  return { world, line, commands, released };
}

describe('a line of held commands', () => {
  it('releases each when its time has come, in order', async () => {
    const { world, line, commands, released } = scene(1);
    line.milliseconds = 10;
    line.hold(commands[0]!);
    await world.pass(5);
    line.hold(commands[1]!);
    line.milliseconds = 2;
    line.hold(commands[2]!);
    assert.ok(line.holds);
    await world.pass(50);
    assert.deepEqual(released, [
      [0, 10],
      [1, 15],
      [2, 15],
    ]);
    assert.equal(line.size, 0);
  });

  it('forgets those that are taken out, wherever they stand', async () => {
    const { world, line, commands, released } = scene(2);
    line.milliseconds = 10;
    for (const command of commands) line.hold(command);
    for (const tag of [0, 3, 5]) line.remove(commands[tag]!);
    assert.equal(line.size, 3);
    await world.pass(20);
    assert.deepEqual(
      released.map(([tag]) => tag),
      [1, 2, 4],
    );
  });

  it('holds for ever, until it is told otherwise', async () => {
    const { world, line, commands, released } = scene(3);
    line.milliseconds = Number.POSITIVE_INFINITY;
    line.hold(commands[0]!);
    line.hold(commands[1]!);
    await world.pass(10_000);
    assert.equal(released.length, 0);
    line.milliseconds = 0;
    assert.ok(line.holds, 'nobody overtakes them before they are released');
    await world.pass(1);
    assert.deepEqual(
      released.map(([tag]) => tag),
      [0, 1],
    );
    assert.ok(!line.holds);
  });
});
