/** Values of the options of `causeway nvme`: numbers as people write them, and the words of the specification. */
import { CausewayError } from '../base/errors.ts';
import { reservationTypes } from '../fabric/nvme-tcp/reservation.ts';
import { refused } from './option-values.ts';

/** A whole number from 0 to `most`, decimal or hexadecimal. */
export function dword(option: string, most = 0xffff_ffff): (text: string) => number {
  return (text) => {
    const value = /^(\d{1,10}|0x[0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : Number.NaN;
    if (value <= most) return value;
    throw refused(option, text, `a number from 0 to 0x${most.toString(16)}`);
  };
}

/** A reservation key: 64 bits. */
export function reservationKey(option: string): (text: string) => bigint {
  return (text) => {
    const value = /^(\d{1,20}|0x[0-9a-fA-F]{1,16})$/.test(text) ? BigInt(text) : -1n;
    if (value >= 0n && value < 1n << 64n) return value;
    throw refused(option, text, 'a key of 64 bits, such as 4711 or 0x1267');
  };
}

/** One of the reservation types, by its name or number. */
export function reservationType(option: string): (text: string) => number {
  return (text) => {
    const index = reservationTypes.indexOf(text);
    const value = index > 0 ? index : /^[1-6]$/.test(text) ? Number(text) : 0;
    if (value > 0) return value;
    throw refused(option, text, `1 to 6, or one of ${reservationTypes.slice(1).join(', ')}`);
  };
}

/** An option that has no default and must be there. @throws CausewayError `wrong-usage` */
export function needed<T>(option: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new CausewayError('wrong-usage', `${option} is missing`);
}
