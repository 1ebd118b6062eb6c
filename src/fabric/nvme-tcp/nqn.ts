/**
 * NVMe qualified names (NVMe Base, "NVMe Qualified Names"): `nqn.`, the month since when the organisation owns its
 * domain, the domain reversed, and a name of its choice after a colon; or the form made from a UUID.
 */
import { CausewayError } from '../../base/errors.ts';

/** Bytes of UTF-8, the terminating NUL not counted. */
export const maxNqnBytes = 223;
export const discoveryNqn = 'nqn.2014-08.org.nvmexpress.discovery';
const uuidPrefix = 'nqn.2014-08.org.nvmexpress:uuid:';

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const beginning = /^nqn\.\d{4}-(0[1-9]|1[0-2])\.[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:|$)/;
// Control characters and lone halves of surrogate pairs: neither is text that a name may hold.
const unprintable = /[\p{Cc}\p{Cs}]/u;

export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/** What is wrong with a name, as the end of a sentence; null if nothing is. */
export function nqnProblem(text: string): string | null {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes > maxNqnBytes) return `has ${bytes} bytes, more than ${maxNqnBytes}`;
  if (unprintable.test(text)) return 'holds characters that are not text';
  if (!text.startsWith('nqn.')) return "does not begin with 'nqn.'";
  if (!beginning.test(text)) return "does not have the form 'nqn.<year>-<month>.<reversed domain>:<name>'";
  if (text.endsWith(':')) return 'ends with a colon';
  if (text.startsWith(uuidPrefix) && !isUuid(text.slice(uuidPrefix.length))) return 'does not end with a UUID';
  return null;
}

/** @throws CausewayError `invalid-nqn` */
export function checkNqn(text: string): void {
  const problem = nqnProblem(text);
  // JSON text, so that what a stranger wrote cannot disturb a terminal; cut, so that it cannot fill one.
  if (problem !== null)
    throw new CausewayError('invalid-nqn', `The name ${JSON.stringify(text.slice(0, 300))} ${problem}.`);
}

/** The host's name made from its UUID. @throws CausewayError `invalid-argument` */
export function hostNqnOf(uuid: string): string {
  if (!isUuid(uuid))
    throw new CausewayError('invalid-argument', `${JSON.stringify(uuid.slice(0, 100))} is not a UUID.`);
  return uuidPrefix + uuid.toLowerCase();
}

/** The UUID in a name of the UUID form, else null. */
export function uuidOfNqn(nqn: string): string | null {
  if (!nqn.startsWith(uuidPrefix)) return null;
  const uuid = nqn.slice(uuidPrefix.length).toLowerCase();
  return isUuid(uuid) ? uuid : null;
}
