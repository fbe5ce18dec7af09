/** One end of a thread as a message port. Its own bytes the thread hands over; those of the host are others', and copied. */
import { parentPort, type MessagePort, type Worker } from 'node:worker_threads';
import type { Port } from '../../src/rpc.ts';

export function threadPort(end: MessagePort | Worker): Port {
  return {
    post: (message) => end.postMessage(message, end === parentPort ? transferable(message) : []),
    listen: (handler) => {
      end.on('message', handler);
      return () => void end.off('message', handler);
    },
  };
}

/** The bytes of a whole file change hands: a copy would be held twice. */
function transferable(message: unknown): ArrayBuffer[] {
  const value = typeof message === 'object' && message !== null && 'value' in message && message.value;
  if (!(value instanceof Uint8Array) || !(value.buffer instanceof ArrayBuffer)) return [];
  return value.byteLength === value.buffer.byteLength ? [value.buffer] : [];
}
