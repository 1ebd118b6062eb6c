/** Asks the process that serves an instance, over its control socket. */
import fs from 'node:fs';
import net from 'node:net';
import { CausewayError } from '../base/errors.ts';
import { LineReader, maxAnswerBytes, type Params, parseAnswer } from './control-protocol.ts';
import { codeOf, directoryError, placesOf } from './runtime-dir.ts';

/** Long enough for a process whose machine is busy; a method that takes longer by its nature is given its own bound. */
const defaultTimeout = 10_000;

/**
 * The result of one method of the instance with this name.
 * @param timeout milliseconds for all of it
 * @throws CausewayError `no-such-device`, `not-running`, `needs-root`, `control-timeout`, `control-protocol`, or what the
 * method answered
 */
export async function callControl(
  name: string,
  method: string,
  params: Params = {},
  timeout = defaultTimeout,
): Promise<unknown> {
  const { socket: path } = placesOf(name);
  const socket = net.connect(path);
  try {
    return await new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new CausewayError('control-timeout', `${name} did not answer "${method}" within ${timeout / 1000} s`));
      }, timeout);
      const lines = new LineReader(maxAnswerBytes);
      socket.on('close', () => {
        clearTimeout(timer);
        // A process that ended between request and answer; if there was an answer, this comes too late to matter.
        reject(new CausewayError('not-running', `${name} ended before it answered "${method}"`));
      });
      socket.on('error', (error) => reject(connectError(name, path, error)));
      socket.on('data', (bytes: Buffer) => {
        try {
          lines.push(bytes);
          const line = lines.next();
          if (line !== null) resolve(parseAnswer(line, 1));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      socket.on('connect', () => socket.write(`${JSON.stringify({ id: 1, method, params })}\n`));
    });
  } finally {
    socket.destroy();
  }
}

function connectError(name: string, path: string, error: unknown): CausewayError {
  switch (codeOf(error)) {
    case 'ENOENT':
      if (fs.existsSync(placesOf(name).lock)) {
        return new CausewayError('not-running', `${name} is starting or ending, or was left behind`, { cause: error });
      }
      return new CausewayError('no-such-device', `no device or array named ${name} runs on this host`, {
        cause: error,
      });
    case 'ECONNREFUSED':
      return new CausewayError('not-running', `the process that served ${name} is gone`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return directoryError(path, error);
    case 'EAGAIN':
      return new CausewayError('control-timeout', `${name} is asked by too many at once`, { cause: error });
    default:
      return new CausewayError('not-running', `${name} does not answer: ${codeOf(error)}`, { cause: error });
  }
}
