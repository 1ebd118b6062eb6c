/**
 * Secrets come from files, so that neither the process list nor a shell's history has them. A file that others may read is
 * refused: what stands there is no secret any more. Files of systemd credentials (LoadCredential=) are as they should be.
 */
import fs from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import { type DhchapKey, type DhchapSecrets, formatSecret, parseSecret } from '../fabric/nvme-tcp/auth/secret.ts';

/** Where the secrets are that a host authenticates with. */
export interface SecretFiles {
  /** Of this host, with which it proves itself where an array asks for it. */
  readonly dhchapSecretFile?: string;
  /** Of the array, with which that has to prove itself on every connection. */
  readonly dhchapCtrlSecretFile?: string;
}

/** A secret has 120 characters at most. */
const mostBytes = 4096;
const othersMask = 0o077;

/** @throws CausewayError `file-open`, `secret-exposed`, `bad-secret` */
export function readSecretFile(path: string): DhchapKey {
  const descriptor = openFile(path);
  try {
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) throw new CausewayError('file-open', `${path} is no regular file`);
    const mode = stat.mode & 0o7777;
    if ((mode & othersMask) !== 0) {
      const shown = mode.toString(8).padStart(4, '0');
      throw new CausewayError('secret-exposed', `${path} may be used by others than its owner (its mode is ${shown})`, {
        hint: `Keep the secret to yourself: chmod 600 ${path}.`,
      });
    }
    const bytes = Buffer.alloc(mostBytes);
    const length = fs.readSync(descriptor, bytes, 0, mostBytes, 0);
    return parsed(path, bytes.toString('latin1', 0, length));
  } finally {
    fs.closeSync(descriptor);
  }
}

function openFile(path: string): number {
  try {
    // What is no file after all must not keep us waiting.
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw new CausewayError('file-open', `the secret can not be read: ${textOf(error)}`, { cause: error });
  }
}

function parsed(path: string, text: string): DhchapKey {
  try {
    return parseSecret(text);
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
    throw new CausewayError(error.code, `${path}: ${error.message}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Null: there is nothing to authenticate with.
 * @throws CausewayError those of `readSecretFile`; `invalid-argument` for a secret of the array alone
 */
export function readSecrets({ dhchapSecretFile, dhchapCtrlSecretFile }: SecretFiles): DhchapSecrets | null {
  if (dhchapSecretFile === undefined) {
    if (dhchapCtrlSecretFile === undefined) return null;
    throw new CausewayError('invalid-argument', 'a secret of the array was given, and none of this host', {
      hint: 'Give --dhchap-secret-file (dhchapSecretFile) too: who wants proof of the array proves itself first.',
    });
  }
  const controller = dhchapCtrlSecretFile === undefined ? null : readSecretFile(dhchapCtrlSecretFile);
  return { host: readSecretFile(dhchapSecretFile), controller };
}

/** Writes a secret into a new file that only its owner may read. @throws CausewayError `file-open` */
export function writeSecretFile(path: string, key: DhchapKey): void {
  try {
    fs.writeFileSync(path, `${formatSecret(key)}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const hint = 'Choose a file that does not exist yet, in a folder that you may write to.';
    throw new CausewayError('file-open', `the secret can not be written: ${textOf(error)}`, { hint, cause: error });
  }
}
