/** Every status that an array can answer an I/O command with, one of each kind that no row names included. */
import { commandRows, genericRows, mediaRows, pathRows } from '../src/fabric/nvme-tcp/status-rows.ts';
import { statusOf } from '../src/fabric/nvme-tcp/status.ts';

/** No row names this code, in no type. */
const unnamed = 0xfe;

export const everyStatus: readonly number[] = [
  ...[genericRows, commandRows, mediaRows, pathRows].flatMap((rows, type) =>
    Object.keys(rows).map((code) => statusOf(type, Number(code))),
  ),
  ...Array.from({ length: 8 }, (_unused, type) => statusOf(type, unnamed)),
].filter((code) => code !== 0);
