/** Whether a node id is among the layers that an edit selects. */
import picomatch from 'picomatch';
import type { LayerSelector } from './recipe/recipe.ts';

/** Globs as in picomatch: `*` within one level of `/`, `**` across levels. */
export function layerMatcher(layers: LayerSelector): (id: string) => boolean {
  if ('nodes' in layers) {
    const nodes = new Set(layers.nodes);
    return (id) => nodes.has(id);
  }
  const except = new Set(layers.except);
  if ('all' in layers) return (id) => !except.has(id);
  // an id may hold braces and brackets of its own, so the exact id always matches, too
  const isMatch = picomatch(layers.glob, { dot: true });
  return (id) => !except.has(id) && (id === layers.glob || isMatch(id));
}
