/** Residual blocks with their scores, ready to be chosen from. */
import type { BlocksView } from '../../src/protocol.ts';
import { leastBlocks, type ResidualBlock } from '../../src/transforms/index.ts';

/** @param said a reason in the language of the editor */
export function blockList(
  blocks: readonly ResidualBlock[],
  scores: ReadonlyMap<string, number>,
  said: (reason: string) => string,
): BlocksView {
  const order = leastBlocks(blocks, scores, blocks.length);
  return {
    blocks: blocks.map(({ id, bytes, layers, blocker }) => ({
      ...{ id, bytes, layers: layers.length, score: scores.get(id) },
      rank: order.includes(id) ? order.indexOf(id) : undefined,
      blocked: blocker === undefined ? undefined : said(blocker.reason),
    })),
  };
}
