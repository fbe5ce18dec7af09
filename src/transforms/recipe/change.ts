/** Takes layers out of a recipe. */
import { layerMatcher } from '../layer-matcher.ts';
import type { Edit, LayerSelector, Recipe } from './recipe.ts';

/** The recipe without any edit of these nodes; an edit by glob or of all layers names them as exceptions. */
export function removeLayers(recipe: Recipe, nodes: readonly string[]): Recipe {
  const edits = recipe.edits.flatMap((edit): Edit[] => {
    if (edit.type === 'clean') return [edit];
    const isMatch = layerMatcher(edit.layers);
    const gone = nodes.filter(isMatch);
    if (gone.length === 0) return [edit];
    const layers = without(edit.layers, gone);
    return layers === undefined ? [] : [{ ...edit, layers }];
  });
  return { ...recipe, edits };
}

function without(layers: LayerSelector, gone: readonly string[]): LayerSelector | undefined {
  if ('nodes' in layers) {
    const nodes = layers.nodes.filter((id) => !gone.includes(id));
    return nodes.length === 0 ? undefined : { nodes };
  }
  return { ...layers, except: [...(layers.except ?? []), ...gone] };
}
