/**
 * Calls between the main thread and reactors: plain messages with a number, an answer or a coded error for each, and
 * events without one. A reactor sleeps in its ring, so every message to it is followed by its doorbell.
 */
import type { MessagePort } from 'node:worker_threads';
import { CausewayError, isErrorCode } from '../base/errors.ts';

export interface CallMessage {
  readonly call: number;
  readonly method: string;
  readonly argument: unknown;
}

/** The number of calls that get no answer. */
export const noAnswer = 0;

export interface AnswerMessage {
  readonly answer: number;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
}

export interface EventMessage {
  readonly event: string;
  readonly body: unknown;
}

export type ToMain = AnswerMessage | EventMessage;

/**
 * What another thread of this program sent, as what it is. The compiler can not see across threads; both ends are built
 * from one source, and nothing from outside comes this way.
 */
export function fromThread<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are built from one source
  return value as T;
}

/** An error as data, for another thread. */
export function errorAsData(error: unknown): NonNullable<AnswerMessage['error']> {
  if (error instanceof CausewayError) return { code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'assertion', message, hint: '' };
}

export function errorFromData(data: NonNullable<AnswerMessage['error']>): CausewayError {
  const code = isErrorCode(data.code) ? data.code : 'assertion';
  return data.hint === ''
    ? new CausewayError(code, data.message)
    : new CausewayError(code, data.message, { hint: data.hint });
}

/** What a reactor can be asked to do, by name. Each checks its own argument's shape. */
export type Methods = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

/** The main thread's half: numbers calls and matches answers. */
export class Caller {
  readonly #send: (message: CallMessage, transfer: readonly MessagePort[]) => void;
  readonly #open = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;

  constructor(send: (message: CallMessage, transfer: readonly MessagePort[]) => void) {
    this.#send = send;
  }

  call<Result>(method: string, argument: unknown, transfer: readonly MessagePort[] = []): Promise<Result> {
    const call = this.#next;
    this.#next += 1;
    return new Promise<Result>((resolve, reject) => {
      this.#open.set(call, { resolve: (result) => resolve(fromThread<Result>(result)), reject });
      this.#send({ call, method, argument }, transfer);
    });
  }

  onAnswer(message: AnswerMessage): void {
    const waiting = this.#open.get(message.answer);
    if (waiting === undefined) return;
    this.#open.delete(message.answer);
    if (message.error === undefined) waiting.resolve(message.result);
    else waiting.reject(errorFromData(message.error));
  }

  failAll(error: Error): void {
    for (const waiting of this.#open.values()) waiting.reject(error);
    this.#open.clear();
  }
}

/** The reactor's half: runs a method and answers. */
export async function answerCall(methods: Methods, message: CallMessage): Promise<AnswerMessage> {
  try {
    const method = methods[message.method];
    if (method === undefined) throw new CausewayError('assertion', `a reactor has no method ${message.method}`);
    return { answer: message.call, result: await method(fromThread<never>(message.argument)) };
  } catch (error) {
    return { answer: message.call, error: errorAsData(error) };
  }
}
