/** A process that holds a block device open and reads from it when asked to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

export interface Holder {
  readonly pid: number;
  /** Reads a block past the cache, through the descriptor that is open; the exit code of dd. */
  read(): Promise<number>;
  end(): Promise<void>;
}

const script = `
exec 3<"$1"; echo open
while read line; do dd bs=4k count=1 iflag=direct of=/dev/null status=none <&3 2>/dev/null; echo $?; done
`;

export async function openHolder(context: TestContext, path: string): Promise<Holder> {
  const child = spawn('sh', ['-c', script, 'sh', path], { stdio: ['pipe', 'pipe', 'inherit'] });
  context.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  let wake: (() => void) | null = null;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.split('\n').filter((line) => line !== ''));
    wake?.();
  });
  const next = async (): Promise<string> => {
    for (let line = lines.shift(); ; line = lines.shift()) {
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await next();
  return {
    pid: child.pid ?? 0,
    read: async () => {
      child.stdin.write('\n');
      return Number(await next());
    },
    end: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}
