/** `--layers`: which layers, by glob over node ids or by the names that `estimate` prints. */
import { analyze } from '../analysis/index.ts';
import type { Model } from '../onnx/index.ts';
import { layerMatcher, type Edit, type LayerSelector } from '../transforms/index.ts';
import { UsageError } from './failure.ts';

/** Every `--layers` of a command line in one selector; without any, all layers. */
export function layersOf(globs: readonly string[] | undefined): LayerSelector {
  const [first, ...others] = globs ?? [];
  if (first === undefined) return { all: true };
  return { glob: others.length === 0 ? first : `{${[first, ...others].join(',')}}` };
}

/** The edit with names of layers replaced by their node ids; globs over node ids stay as they are. */
export function withNodeIds<E extends Edit>(model: Model, edit: E, globs: readonly string[] | undefined): E {
  if (globs === undefined || edit.type === 'clean' || !('glob' in edit.layers)) return edit;
  return { ...edit, layers: namedLayers(model, globs) };
}

/** @throws UsageError of what matches neither, with the ids that come near */
export function namedLayers(model: Model, globs: readonly string[] | undefined): LayerSelector {
  const selector = layersOf(globs);
  if (globs === undefined || 'all' in selector) return selector;
  const { layers, nodes } = analyze(model).estimate();
  const ids = nodes.map((n) => n.id);
  const isIds = globs.map((glob) => ids.some(layerMatcher({ glob })));
  if (isIds.every(Boolean)) return selector;
  const chosen = globs.map((glob) => {
    const isMatch = layerMatcher({ glob });
    const found = layers.filter((l) => l.parameterBytes > 0 && (isMatch(l.name) || l.nodes.some(isMatch)));
    if (found.length === 0) throw new UsageError(nothing(glob, ids));
    return found.map((l) => l.id);
  });
  return { nodes: [...new Set(chosen.flat())] };
}

const mostNear = 3;

function nothing(glob: string, ids: readonly string[]): string {
  const word = glob.replaceAll(/^[*/]+|[*/]+$/g, '');
  const near = word === '' ? [] : ids.filter((id) => id.includes(word));
  if (near.length === 0)
    return `no layer matches "${glob}": estimate lists their names, text the ids of nodes`;
  const more = near.length > mostNear ? ', …' : '';
  return `no layer matches "${glob}"; there is ${near.slice(0, mostNear).join(', ')}${more}`;
}
