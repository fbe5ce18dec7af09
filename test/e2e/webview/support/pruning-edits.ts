/** What a request to prune adds to a recipe, as the extension works it out; no data are run. */
import type { Model } from '../../../../src/onnx/index.ts';
import type { EditRequest } from '../../../../src/protocol.ts';
import { pruneGroups, type Edit, type Recipe } from '../../../../src/transforms/index.ts';
import { editFor } from '../../../../extension/edits.ts';
import { editsByLayer } from '../../../../extension/layer-ratios.ts';
import { scoredGroups, withRatios } from '../../../../src/global-ratios.ts';

export async function pruningEdits(
  model: Model,
  recipe: Recipe,
  request: EditRequest & { readonly type: 'prune' },
): Promise<readonly Edit[]> {
  const { options } = request;
  if (options.ratios !== undefined) {
    const able = pruneGroups(model).filter((g) => g.blocker === undefined);
    return editsByLayer(options.ratios, options, able);
  }
  const edit = editFor(request);
  if (edit.type !== 'prune-channels' || options.kind !== 'channels' || options.scope !== 'global')
    return [edit];
  const runner = () => {
    throw new Error('no data are run');
  };
  const groups = await scoredGroups(model, recipe, edit, { runner, ep: 'cpu', dims: {} });
  return [withRatios(edit, groups, options.maxRatio)];
}
