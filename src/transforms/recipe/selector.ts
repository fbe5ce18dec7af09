/** Which layers an edit is meant for. */
import { object, RecipeError, show, string, strings } from './checks.ts';

/** Layers by node id (see `nodeIds`), by glob over node ids, or every layer the edit can be applied to. */
export type LayerSelector =
  | { readonly nodes: readonly string[] }
  | { readonly glob: string; readonly except?: readonly string[] | undefined }
  | { readonly all: true; readonly except?: readonly string[] | undefined };

export function parseSelector(json: unknown, field: string): LayerSelector {
  const layers = object(json, field);
  const kinds = ['nodes', 'glob', 'all'].filter((key) => key in layers);
  if (kinds.length !== 1) throw new RecipeError(field, 'expected exactly one of "nodes", "glob", "all"');
  if ('nodes' in layers) return { nodes: strings(layers['nodes'], `${field}.nodes`) };
  const except =
    layers['except'] === undefined ? {} : { except: strings(layers['except'], `${field}.except`) };
  if ('glob' in layers) return { glob: string(layers['glob'], `${field}.glob`), ...except };
  if (layers['all'] !== true)
    throw new RecipeError(`${field}.all`, `expected true, got ${show(layers['all'])}`);
  return { all: true, ...except };
}

/** `all layers but 2`, `3 layers`, or the only layer's id. */
export function describeLayers(layers: LayerSelector): string {
  if (!('nodes' in layers)) {
    const which = 'all' in layers ? 'all layers' : `layers matching ${layers.glob}`;
    const except = layers.except?.length ?? 0;
    return except === 0 ? which : `${which} but ${except}`;
  }
  const [only] = layers.nodes;
  return layers.nodes.length === 1 && only !== undefined ? only : `${layers.nodes.length} layers`;
}
