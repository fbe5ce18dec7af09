/**
 * Which layer of the changed model is which of the original. A quantized MatMul is five nodes with ids of their own,
 * and unnamed nodes are counted anew; a person still sees the one layer, selects it and reverts it.
 */
import type { LayerMemory } from '../../src/analysis/index.ts';
import type { AppliedRecipe, LayerChange } from '../../src/transforms/index.ts';

export class LayerMap {
  /** Id in the original model by id in the changed one; empty where they are the same model. */
  readonly #originalOf = new Map<string, string>();
  /** Layer of the original by node id of the original. */
  readonly #layerOf = new Map<string, LayerMemory>();
  readonly #changes = new Map<string, LayerChange[]>();

  constructor(layers: readonly LayerMemory[], applied: AppliedRecipe) {
    for (const [original, after] of applied.idsAfter) {
      for (const id of after) this.#originalOf.set(id, original);
    }
    for (const layer of layers) {
      this.#layerOf.set(layer.id, layer);
      for (const node of layer.nodes) this.#layerOf.set(node, layer);
    }
    for (const change of applied.changes) {
      const id = this.#layerOf.get(change.node)?.id ?? change.node;
      const list = this.#changes.get(id);
      if (list === undefined) this.#changes.set(id, [change]);
      else list.push(change);
    }
  }

  /** Id of the original's node for which a node of the changed model stands. */
  originalNode(id: string): string {
    return this.#originalOf.get(id) ?? id;
  }

  /** Id of the layer of the original to which a node of the changed model belongs; undefined where there is none. */
  layerId(id: string): string | undefined {
    return this.#layerOf.get(this.originalNode(id))?.id;
  }

  /** The original's layer. */
  before(layerId: string): LayerMemory | undefined {
    return this.#layerOf.get(layerId);
  }

  /** What the recipe does to a layer, in the order of its edits. */
  changes(layerId: string): readonly LayerChange[] {
    return this.#changes.get(layerId) ?? [];
  }
}
