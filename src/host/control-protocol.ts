/**
 * The control socket's language: a request is one line of JSON, and so is its answer.
 *
 *     → {"id":1,"method":"path-fail","params":{"path":"127.0.0.1:4420"}}
 *     ← {"id":1,"result":null}
 *     ← {"id":1,"error":{"code":"no-such-path","message":"…","hint":"…"}}
 *
 * A client sends its next request when it has the answer to the last one; what it sends earlier waits unread. What
 * arrives is text from outside: its length is bounded and its shape is checked here.
 */
import { CausewayError, isErrorCode } from '../base/errors.ts';

/** The longest request, bytes: the data of an NVMe command, 1 MiB as base64, with some names and numbers. */
export const maxRequestBytes = 1536 * 1024;
/** The longest answer, bytes: the view of a device with 64 paths takes about 40 KiB. */
export const maxAnswerBytes = 4 * 1024 * 1024;

export type Params = Readonly<Record<string, unknown>>;

export interface ControlRequest {
  readonly id: number;
  readonly method: string;
  readonly params: Params;
}

export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type ControlAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorData };

export function isRecord(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(line: string): Params {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new CausewayError('control-protocol', 'the control socket received a line that is no JSON', { cause: error });
  }
  if (!isRecord(value)) throw new CausewayError('control-protocol', 'the control socket received no JSON object');
  return value;
}

/** @throws CausewayError `control-protocol` */
export function parseRequest(line: string): ControlRequest {
  const { id, method, params } = parseObject(line);
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || typeof method !== 'string') {
    throw new CausewayError('control-protocol', 'a request to the control socket has no id or no method');
  }
  if (params !== undefined && !isRecord(params)) {
    throw new CausewayError('control-protocol', 'the params of a request to the control socket are no object');
  }
  return { id, method, params: params ?? {} };
}

/** The result in an answer. @throws CausewayError the coded error in it, or `control-protocol` */
export function parseAnswer(line: string, id: number): unknown {
  const answer = parseObject(line);
  if (answer['error'] !== undefined) throw errorFrom(answer['error']);
  if (answer['id'] !== id || !Object.hasOwn(answer, 'result')) {
    throw new CausewayError('control-protocol', 'the control socket answered something else than was asked');
  }
  return answer['result'];
}

/** An error as data. What has no code is a bug of ours: its stack is for the log, not for the other side. */
export function errorData(error: unknown): ErrorData {
  if (error instanceof CausewayError) return { code: error.code, message: error.message, hint: error.hint };
  const bug = new CausewayError('assertion', error instanceof Error ? error.message : String(error));
  return { code: bug.code, message: bug.message, hint: bug.hint };
}

/** An error from data; one with an unknown code, from a newer version, keeps its words. */
export function errorFrom(data: unknown): CausewayError {
  if (!isRecord(data) || typeof data['message'] !== 'string') {
    return new CausewayError('control-protocol', 'the control socket answered with an error that cannot be read');
  }
  const { code, message, hint } = data;
  const known = typeof code === 'string' && isErrorCode(code) ? code : 'control-protocol';
  return new CausewayError(known, message, typeof hint === 'string' && hint !== '' ? { hint } : {});
}

/** Cuts a stream of bytes into lines of a bounded length. */
export class LineReader {
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes that are known to hold no line end. */
  #searched = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Something was received that is no whole line yet. */
  get unfinished(): boolean {
    return this.#bytes.length > 0;
  }

  push(received: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? received : Buffer.concat([this.#bytes, received]);
  }

  /** The next line; null if there is none yet. @throws CausewayError `control-protocol` if it is too long */
  next(): string | null {
    const end = this.#bytes.indexOf(0x0a, this.#searched);
    if ((end < 0 ? this.#bytes.length : end) > this.#maxBytes) {
      throw new CausewayError('control-protocol', `the control socket received a line over ${this.#maxBytes} bytes`);
    }
    if (end < 0) {
      this.#searched = this.#bytes.length;
      return null;
    }
    const line = this.#bytes.toString('utf8', 0, end);
    this.#bytes = this.#bytes.subarray(end + 1);
    this.#searched = 0;
    return line;
  }
}
