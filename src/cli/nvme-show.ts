/** How what an NVMe command brought is printed: for people, for programs, or as it is. */
import type { Context } from './context.ts';

export interface ShowOptions {
  readonly json?: boolean;
  readonly rawBinary?: boolean;
}

/** A 64-bit number is a number where JSON can hold it. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

/** Prints what came, the way that was asked for. */
export function show(
  { stdout }: Context,
  options: ShowOptions,
  data: Uint8Array,
  value: () => object,
  text: () => readonly string[],
): void {
  if (options.rawBinary === true) stdout.bytes(data);
  else if (options.json === true) stdout.line(JSON.stringify(value(), plain));
  else for (const line of text()) stdout.line(line);
}

/** Of all its bytes. */
export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
