/** Where a kernel device leaves its traces in the file system. */
import { CausewayError } from '../base/errors.ts';

export const defaultRuntimeDirectory = '/run/causeway';
export const defaultLinkDirectory = '/dev/causeway';

export interface Places {
  readonly runtimeDirectory: string;
  readonly linkDirectory: string;
}

export const defaultPlaces: Places = {
  runtimeDirectory: defaultRuntimeDirectory,
  linkDirectory: defaultLinkDirectory,
};

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/;

/** @throws CausewayError `invalid-argument` for a name that cannot be one of a file and of a device */
export function checkDeviceName(name: string): void {
  if (namePattern.test(name)) return;
  throw new CausewayError(
    'invalid-argument',
    `"${name}" cannot be the name of a device: it has 1 to 48 letters, digits, dots, underscores and hyphens, and begins with a letter or a digit.`,
  );
}

/** What the names of records end in. */
export const recordSuffix = '.device.json';

/** The record that recovery reads. */
export function recordPath(places: Places, name: string): string {
  return `${places.runtimeDirectory}/${name}${recordSuffix}`;
}
