/** The worker that lays graphs out, as the page calls it. Made when the first graph is shown. */
import code from './layout.worker.ts?text';
import type { Layout, LayoutPart } from './layout-tree.ts';
import type { LayoutAnswer, LayoutRequest } from './layout.worker.ts';

interface Waiting {
  readonly resolve: (layout: Layout) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | undefined;
let nextId = 1;

/** @throws Error where the worker cannot be started or fails */
export function layOut(root: LayoutPart): Promise<Layout> {
  worker ??= start();
  const id = nextId++;
  const request: LayoutRequest = { id, root };
  worker.postMessage(request);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

/** A webview's page may start no worker from a file of another origin: its code comes with the page's own. */
function start(): Worker {
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  const made = new Worker(url);
  made.addEventListener('message', ({ data }: MessageEvent<LayoutAnswer>) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if ('layout' in data) call?.resolve(data.layout);
    else call?.reject(new Error(data.error));
  });
  made.addEventListener('error', (event) => {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new Error(event.message));
    waiting.clear();
  });
  return made;
}
