/** A target in a guest under the hands of a test outside: one line of JSON for each call, and one for each answer. */
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import type { AnaState, SubsystemOptions, TargetControl } from './nvmet.ts';

const CALL_SECONDS = 60;

type Method = keyof TargetControl;

interface Call {
  readonly method: Method | 'end';
  readonly args: readonly unknown[];
}

interface Answer {
  readonly error: string | null;
}

/** Serves one test at a time, on a port of the guest, until it says that it has ended. */
export async function serveTarget(target: TargetControl, port: number, onListening: () => void): Promise<void> {
  const server = net.createServer();
  const end = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      createInterface({ input: socket }).on('line', (line) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- RemoteTarget wrote it
        const { method, args } = JSON.parse(line) as Call;
        if (method === 'end') {
          socket.end(`${JSON.stringify({ error: null } satisfies Answer)}\n`);
          resolve();
        } else void answer(target, method, args).then((result) => socket.write(`${JSON.stringify(result)}\n`));
      });
    });
  });
  server.listen(port, '0.0.0.0', onListening);
  await end;
  server.close();
}

async function answer(target: TargetControl, method: Method, args: readonly unknown[]): Promise<Answer> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- RemoteTarget gives each method its own arguments
    const call = target[method].bind(target) as (...all: readonly unknown[]) => Promise<void>;
    await call(...args);
    return { error: null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

export class RemoteTarget implements TargetControl {
  readonly #port: number;

  /** @param port on 127.0.0.1, forwarded to the one that the guest serves */
  constructor(port: number) {
    this.#port = port;
  }

  setAna(port: number, state: AnaState): Promise<void> {
    return this.#call('setAna', port, state);
  }

  closePort(subnqn: string, port: number): Promise<void> {
    return this.#call('closePort', subnqn, port);
  }

  openPort(subnqn: string, port: number): Promise<void> {
    return this.#call('openPort', subnqn, port);
  }

  resize(subnqn: string, bytes: number): Promise<void> {
    return this.#call('resize', subnqn, bytes);
  }

  addSubsystem(subnqn: string, options: SubsystemOptions): Promise<void> {
    return this.#call('addSubsystem', subnqn, options);
  }

  removeSubsystem(subnqn: string): Promise<void> {
    return this.#call('removeSubsystem', subnqn);
  }

  refer(port: number, to: string): Promise<void> {
    return this.#call('refer', port, to);
  }

  end(): Promise<void> {
    return this.#call('end');
  }

  /** One connection for each call: there are few. */
  async #call(method: Call['method'], ...args: readonly unknown[]): Promise<void> {
    const socket = net.connect(this.#port, '127.0.0.1');
    socket.setTimeout(CALL_SECONDS * 1000, () => socket.destroy(new Error(`the guest did not answer ${method}`)));
    socket.write(`${JSON.stringify({ method, args } satisfies Call)}\n`);
    const lines = createInterface({ input: socket });
    const failed = once(socket, 'close').then(() => Promise.reject(new Error(`the guest hung up on ${method}`)));
    try {
      const [line] = await Promise.race([once(lines, 'line'), failed]);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- serveTarget wrote it
      const { error } = JSON.parse(String(line)) as Answer;
      if (error !== null) throw new Error(`the guest's ${method}: ${error}`);
    } finally {
      failed.catch(() => {});
      socket.destroy();
    }
  }
}
