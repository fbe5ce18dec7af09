/** Lays graphs out, off the page's thread. */
import { layoutTree, LevelCache, type Layout, type LayoutPart } from './layout-tree.ts';

export interface LayoutRequest {
  readonly id: number;
  readonly root: LayoutPart;
}

export type LayoutAnswer =
  { readonly id: number; readonly layout: Layout } | { readonly id: number; readonly error: string };

const cache = new LevelCache();

addEventListener('message', ({ data }: MessageEvent<LayoutRequest>) => {
  const { id, root } = data;
  let answer: LayoutAnswer;
  try {
    answer = { id, layout: layoutTree(root, cache) };
  } catch (error) {
    answer = { id, error: String(error) };
  }
  postMessage(answer);
});
