/**
 * Calls over a message port, for both sides of the webview: an interface of async methods per direction, from which
 * calls and results are derived. Every request settles: with the result, with the other side's error, or, where
 * nobody is left to answer (dispose, a page that was loaded anew, a message that could not be posted), with an
 * `RpcError`.
 *
 * ```ts
 * const peer = createPeer<HostApi, WebviewApi>(port, host);   // in the extension host
 * const peer = createPeer<WebviewApi, HostApi>(port, page, { announce: true });   // in the page
 * const estimate = await peer.remote.setDims({ batch: 8 });
 * ```
 */

import { JsonText } from './json-text.ts';

/** One end of a message channel. */
export interface Port {
  /** May answer with a promise of `false` where the message did not arrive (as `vscode.Webview.postMessage`). */
  post(message: unknown): unknown;
  /** Gives the function that ends listening. */
  listen(handler: (message: unknown) => void): () => void;
}

export interface PeerOptions<Local extends object> {
  /** Tells the other side that its open requests are void: for the side that can be loaded anew, the page. */
  readonly announce?: boolean;
  /** Told of every error that a local method threw, before it is sent. */
  readonly onError?: (method: keyof Local & string, error: unknown) => void;
  /** How errors cross where more than their text is to arrive; given on both sides. */
  readonly errors?: ErrorCodec;
}

export interface ErrorCodec {
  /** As plain data. */
  dump(error: unknown): unknown;
  revive(dumped: unknown): unknown;
}

/** Methods whose result may be a text of it. */
export type Answering<Api> = {
  readonly [K in keyof Api]: Api[K] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Promise<Result | JsonText<Result>>
    : Api[K];
};

/** Methods whose arguments may be texts of them. */
export type Asking<Api> = {
  readonly [K in keyof Api]: Api[K] extends (...args: infer Args) => infer Result
    ? (...args: { [I in keyof Args]: Args[I] | JsonText<Args[I]> }) => Result
    : Api[K];
};

export interface Peer<Remote extends object> {
  /** The other side's methods. */
  readonly remote: Asking<Remote>;
  /** Ends listening and rejects what is open. */
  dispose(): void;
}

export type RpcErrorKind = 'remote' | 'unknown-method' | 'disposed' | 'restarted' | 'not-delivered';

/** Why a request failed. `remote`: the method itself threw; the message is its own. */
export class RpcError extends Error {
  readonly kind: RpcErrorKind;
  readonly method: string;

  constructor(kind: RpcErrorKind, method: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RpcError';
    this.kind = kind;
    this.method = method;
  }
}

type Message =
  | { readonly rpc: 'hello' }
  | {
      readonly rpc: 'call';
      readonly id: number;
      readonly method: string;
      readonly args: readonly unknown[];
      /** Positions of arguments that are texts. */
      readonly texts?: readonly number[];
    }
  | { readonly rpc: 'ok'; readonly id: number; readonly value: unknown; readonly isText?: boolean }
  | {
      readonly rpc: 'error';
      readonly id: number;
      readonly kind: RpcErrorKind;
      readonly message: string;
      /** As `ErrorCodec.dump` made it. */
      readonly dumped?: unknown;
    };

interface Pending {
  readonly method: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export function createPeer<Local extends object, Remote extends object>(
  port: Port,
  local: Answering<Local>,
  options: PeerOptions<Local> = {},
): Peer<Remote> {
  const requests = new Requests(port, options.errors);
  const stop = port.listen((message) => {
    if (!isMessage(message)) return;
    if (message.rpc === 'call') void answer(port, local, message, options);
    else if (message.rpc === 'hello') requests.rejectAll('restarted', 'the other side was loaded anew');
    else requests.settle(message);
  });
  if (options.announce === true) post(port, { rpc: 'hello' }, () => undefined);
  return {
    remote: remoteProxy(requests) as Asking<Remote>,
    dispose: () => {
      stop();
      requests.dispose();
    },
  };
}

/** What was asked of the other side and has no answer yet. */
class Requests {
  readonly #port: Port;
  readonly #errors: ErrorCodec | undefined;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #isDisposed = false;

  constructor(port: Port, errors: ErrorCodec | undefined) {
    this.#port = port;
    this.#errors = errors;
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#isDisposed)
      return Promise.reject(new RpcError('disposed', method, `${method}: the channel is closed`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject });
      post(this.#port, callOf(id, method, args), (cause) => {
        this.#take(id)?.reject(
          new RpcError('not-delivered', method, `${method}: the message did not arrive`, { cause }),
        );
      });
    });
  }

  settle(message: Message & { readonly rpc: 'ok' | 'error' }): void {
    const request = this.#take(message.id);
    if (request === undefined) return;
    if (message.rpc === 'ok') request.resolve(message.isText === true ? read(message.value) : message.value);
    else if (this.#errors !== undefined && message.dumped !== undefined)
      request.reject(this.#errors.revive(message.dumped));
    else request.reject(new RpcError(message.kind, request.method, message.message));
  }

  rejectAll(kind: RpcErrorKind, why: string): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { method, reject } of all) reject(new RpcError(kind, method, `${method}: ${why}`));
  }

  dispose(): void {
    this.#isDisposed = true;
    this.rejectAll('disposed', 'the channel was closed');
  }

  #take(id: number): Pending | undefined {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    return request;
  }
}

function callOf(id: number, method: string, args: readonly unknown[]): Message {
  const texts = args.flatMap((arg, i) => (arg instanceof JsonText ? [i] : []));
  if (texts.length === 0) return { rpc: 'call', id, method, args };
  return { rpc: 'call', id, method, args: args.map((a) => (a instanceof JsonText ? a.json : a)), texts };
}

function read(text: unknown): unknown {
  return JSON.parse(String(text));
}

/** An object whose every property is a function that sends a call. */
function remoteProxy(requests: Requests): object {
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  return new Proxy(
    {},
    {
      get: (_target, name) => {
        // A promise must not take the proxy for a thenable; symbols are asked for by inspection only.
        if (typeof name === 'symbol' || name === 'then') return undefined;
        const known = methods.get(name);
        if (known !== undefined) return known;
        const method = (...args: unknown[]): Promise<unknown> => requests.call(name, args);
        methods.set(name, method);
        return method;
      },
    },
  );
}

async function answer<Local extends object>(
  port: Port,
  local: Answering<Local>,
  { id, method, args: sent, texts = [] }: Message & { readonly rpc: 'call' },
  { onError, errors }: PeerOptions<Local>,
): Promise<void> {
  // Only a method that was found can have thrown.
  const complain = (error: unknown): void => onError?.(method as keyof Local & string, error);
  let reply: Message;
  try {
    const run = methodOf(local, method);
    const args = sent.map((arg, i) => (texts.includes(i) ? read(arg) : arg));
    reply =
      run === undefined
        ? { rpc: 'error', id, kind: 'unknown-method', message: `${method}: no such method` }
        : okOf(id, await run.apply(local, args));
  } catch (error) {
    complain(error);
    reply = { rpc: 'error', id, kind: 'remote', message: messageOf(error), dumped: errors?.dump(error) };
  }
  post(port, reply, (error) => {
    // A result that cannot be posted (not clonable) is an error of the method; its text always can.
    if (reply.rpc !== 'ok' || error === undefined) return;
    complain(error);
    post(port, { rpc: 'error', id, kind: 'remote', message: messageOf(error) }, () => undefined);
  });
}

function okOf(id: number, value: unknown): Message {
  return value instanceof JsonText
    ? { rpc: 'ok', id, value: value.json, isText: true }
    : { rpc: 'ok', id, value };
}

/** The method of that name, the ones every object inherits left out. */
function methodOf(local: object, name: string): ((...args: unknown[]) => unknown) | undefined {
  if (name in Object.prototype) return undefined;
  const value: unknown = Reflect.get(local, name);
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown) : undefined;
}

/** Posts; `onLost` hears of a throw (with the error) and of a message that did not arrive (without). */
function post(port: Port, message: Message, onLost: (error: unknown) => void): void {
  try {
    const arrived = port.post(message);
    if (isThenable(arrived)) {
      arrived.then(
        (ok) => {
          if (ok === false) onLost(undefined);
        },
        (error: unknown) => onLost(error ?? new Error('postMessage was rejected')),
      );
    }
  } catch (error) {
    onLost(error ?? new Error('postMessage threw'));
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null || !('rpc' in value)) return false;
  if (value.rpc === 'hello') return true;
  if (!('id' in value) || typeof value.id !== 'number') return false;
  if (value.rpc === 'call')
    return (
      'method' in value && typeof value.method === 'string' && 'args' in value && Array.isArray(value.args)
    );
  return value.rpc === 'ok' || (value.rpc === 'error' && 'message' in value);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
