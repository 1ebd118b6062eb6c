/** The control socket of an instance: answers other processes of this host, one request a client at a time. */
import fs from 'node:fs';
import net from 'node:net';
import { CausewayError } from '../base/errors.ts';
import {
  type ControlAnswer,
  type ControlRequest,
  errorData,
  LineReader,
  maxRequestBytes,
  type Params,
  parseRequest,
} from './control-protocol.ts';
import { codeOf } from './runtime-dir.ts';

/** What can be asked, by name. A method checks its own parameters. */
export type ControlMethods = ReadonlyMap<string, (params: Params) => Promise<unknown>>;

export interface ControlServer {
  /** Stops listening, lets answers that are under way go out for a moment, and closes every client. */
  close(): Promise<void>;
}

export interface ControlLimits {
  /** Clients at once; a further one is closed at once. */
  readonly clients: number;
  /** How long a client may take for a whole request, or for reading an answer, milliseconds. */
  readonly clientTimeout: number;
  /** How long `close` waits for answers that are under way, milliseconds. */
  readonly closeTimeout: number;
}

export const defaultControlLimits: ControlLimits = { clients: 32, clientTimeout: 30_000, closeTimeout: 1_000 };

class Client {
  readonly #socket: net.Socket;
  readonly #methods: ControlMethods;
  readonly #limits: ControlLimits;
  readonly #lines = new LineReader(maxRequestBytes);
  #answering = false;
  #ending = false;
  #patience: NodeJS.Timeout;

  constructor(socket: net.Socket, methods: ControlMethods, limits: ControlLimits) {
    this.#socket = socket;
    this.#methods = methods;
    this.#limits = limits;
    this.#patience = this.#startPatience();
    socket.on('close', () => clearTimeout(this.#patience));
    // A client that breaks off is no error of ours.
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      if (this.#ending) return;
      this.#lines.push(bytes);
      if (!this.#answering) void this.#readOn();
    });
  }

  /** Ends the client once the answer that is under way, if any, has gone out. */
  end(): void {
    this.#ending = true;
    if (!this.#answering) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Counts for a whole request, so that one byte now and then does not keep a place. */
  #startPatience(): NodeJS.Timeout {
    return setTimeout(() => this.#socket.destroy(), this.#limits.clientTimeout);
  }

  /** Answers what was received, one request after the other. Never rejects. */
  async #readOn(): Promise<void> {
    this.#answering = true;
    try {
      for (let line = this.#lines.next(); line !== null && !this.#ending; line = this.#lines.next()) {
        const request = parseRequest(line);
        clearTimeout(this.#patience);
        // What the client sends meanwhile stays in the kernel, which makes it wait.
        this.#socket.pause();
        await this.#send(await this.#answer(request));
        this.#socket.resume();
        this.#patience = this.#startPatience();
      }
    } catch (error) {
      // Whoever does not speak the language is told so once, and gone.
      this.#ending = true;
      await this.#send({ id: 0, error: errorData(error) });
    }
    this.#answering = false;
    if (this.#ending) this.#socket.destroySoon();
  }

  async #answer(request: ControlRequest): Promise<ControlAnswer> {
    try {
      const method = this.#methods.get(request.method);
      if (method === undefined) {
        const name = JSON.stringify(request.method.slice(0, 64));
        throw new CausewayError('control-protocol', `this process cannot be asked for ${name}`);
      }
      return { id: request.id, result: (await method(request.params)) ?? null };
    } catch (error) {
      return { id: request.id, error: errorData(error) };
    }
  }

  /** Resolves when the answer has gone out, or the client is gone or took too long to read it. */
  async #send(answer: ControlAnswer): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const timer = this.#startPatience();
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.write(`${JSON.stringify(answer)}\n`, () => {
        socket.off('close', resolve);
        resolve();
      });
    });
    clearTimeout(timer);
  }
}

/**
 * Listens on `path`, which nobody else uses (instance-claim.ts); only the same user (or root) can connect.
 * @throws CausewayError `runtime-directory`
 */
export async function serveControl(
  path: string,
  methods: ControlMethods,
  limits: ControlLimits = defaultControlLimits,
): Promise<ControlServer> {
  const clients = new Set<Client>();
  const server = net.createServer((socket) => {
    const client = new Client(socket, methods, limits);
    clients.add(client);
    socket.once('close', () => clients.delete(client));
  });
  server.maxConnections = limits.clients;
  await listen(server, path);
  server.on('error', (error) => process.stderr.write(`causeway: control socket ${path}: ${error.message}\n`));

  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const client of clients) client.end();
      const timer = setTimeout(() => {
        for (const client of clients) client.destroy();
      }, limits.closeTimeout);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function listen(server: net.Server, path: string): Promise<void> {
  // The socket is bound within this call: nobody can connect before it has the mode it is meant to have.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
      process.umask(mask);
    });
    fs.chmodSync(path, 0o600);
  } catch (error) {
    process.umask(mask);
    throw new CausewayError('runtime-directory', `cannot listen on the control socket ${path}: ${codeOf(error)}`, {
      cause: error,
    });
  }
}
