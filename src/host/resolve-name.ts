import { lookup } from 'node:dns/promises';
import { CausewayError } from '../base/errors.ts';
import { encodeAddress } from '../native/sockets.ts';

/** The numeric address of a host name; a numeric address as it is. @throws CausewayError `name-not-resolved` */
export async function resolveName(host: string): Promise<string> {
  if (encodeAddress({ host, port: 0 }) !== null) return host;
  try {
    return (await lookup(host)).address;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CausewayError('name-not-resolved', `${host} is not known: ${reason}`);
  }
}
