/**
 * Encrypts a volume on its way to the array, with AES-256-XTS as disks are encrypted: the array and the network see
 * ciphertext only.
 *
 *     CAUSEWAY_KEY_FILE=/etc/my-volume.key node dist/examples/encrypting-device.js nvme+tcp://HOST/SUBSYSTEM-NQN [NAME]
 *
 * The key file holds 64 random bytes (`head -c 64 /dev/urandom`).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { attach, serve, type UserDevice, type Volume } from '@causeway/host';

const algorithm = 'aes-256-xts';

export class EncryptingDevice implements UserDevice {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly #volume: Volume;
  readonly #key: Uint8Array;

  /** @param key 64 bytes: the two keys of XTS, which must differ */
  constructor(volume: Volume, key: Uint8Array) {
    this.#volume = volume;
    this.#key = key;
    this.sizeBytes = volume.sizeBytes;
    this.blockBytes = volume.blockBytes;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await this.#volume.read(into, offset);
    this.#eachBlock(into, offset, (block, tweak) => {
      block.set(createDecipheriv(algorithm, this.#key, tweak).update(block));
    });
  }

  // `from` is this object's own, so it may be encrypted in place.
  async write(from: Uint8Array, offset: number): Promise<void> {
    this.#eachBlock(from, offset, (block, tweak) => {
      block.set(createCipheriv(algorithm, this.#key, tweak).update(block));
    });
    await this.#volume.write(from, offset);
  }

  async flush(): Promise<void> {
    await this.#volume.flush();
  }

  // There is no `writeZeroes`: zeroes of the array are not zeroes for us, so zeroes are written, encrypted.

  /** Each block is encrypted by itself, with its number as the tweak. */
  #eachBlock(bytes: Uint8Array, offset: number, visit: (block: Uint8Array, tweak: Uint8Array) => void): void {
    const tweak = Buffer.alloc(16);
    for (let at = 0; at < bytes.length; at += this.blockBytes) {
      tweak.writeBigUInt64LE(BigInt((offset + at) / this.blockBytes));
      visit(bytes.subarray(at, at + this.blockBytes), tweak);
    }
  }
}

if (import.meta.filename === process.argv[1]) {
  const [url = '', name = 'encrypted'] = process.argv.slice(2);
  const volume = await attach(url);
  const key = readFileSync(process.env['CAUSEWAY_KEY_FILE'] ?? '');
  const served = await serve(new EncryptingDevice(volume, key), { name });
  console.log(`${served.link} is ${served.device}; Ctrl-C takes it away.`);
  const close = (): void => {
    served.close().catch((error: Error) => console.error(`${error.message} Ctrl-C tries again.`));
  };
  process.on('SIGINT', close).on('SIGTERM', close);
  await served.closed;
  await volume.close();
  process.off('SIGINT', close).off('SIGTERM', close);
}
