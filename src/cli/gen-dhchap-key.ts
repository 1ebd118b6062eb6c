/** `causeway gen-dhchap-key`: a new secret for in-band authentication, in a file. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { hashByName } from '../fabric/nvme-tcp/auth/names.ts';
import { writeSecretFile } from '../host/secret-files.ts';
import { oneOf } from './option-values.ts';
import { verb, type Verbs } from './verb.ts';

const lengths = ['32', '48', '64'] as const;

interface KeyOptions {
  readonly hmac: 'none' | 'sha256' | 'sha384' | 'sha512';
  readonly keyLength?: (typeof lengths)[number];
  readonly json?: boolean;
}

export function addGenDhchapKey(program: Command, { context }: Verbs): void {
  verb(program, 'gen-dhchap-key <file>', 'a new secret for in-band authentication, in a file of your own', [
    'causeway gen-dhchap-key /etc/nvme/host.key # 32 bytes, bound to its NQN by SHA-256',
    'causeway gen-dhchap-key array.key --hmac sha512',
  ])
    .option(
      '--hmac <hash>',
      'how it is bound to the NQN that uses it: none, sha256, sha384 or sha512',
      oneOf('--hmac', ['none', 'sha256', 'sha384', 'sha512']),
      'sha256',
    )
    .option('--key-length <bytes>', '32, 48 or 64; as long as the hash when left out', oneOf('--key-length', lengths))
    .action((file: string, options: KeyOptions) => {
      const hash = hashByName(options.hmac);
      const bytes = Number(options.keyLength ?? hash?.bytes ?? 32);
      writeSecretFile(file, { transform: hash?.id ?? 0, key: randomBytes(bytes) });
      if (options.json === true) context.stdout.line(JSON.stringify({ file, hmac: options.hmac, bytes }));
      else context.stdout.line(`${file}: a secret of ${bytes} bytes, which only its owner may read`);
    });
}
