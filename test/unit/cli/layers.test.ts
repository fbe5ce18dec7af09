import assert from 'node:assert/strict';
import { layersOf, namedLayers, withNodeIds } from '../../../src/cli/layers.ts';
import { articleModel } from './article.ts';

describe('--layers', () => {
  const network = articleModel();

  it('is a glob over node ids, and stays one in the recipe', () => {
    assert.deepEqual(namedLayers(network, ['/fc2/*']), { glob: '/fc2/*' });
    assert.deepEqual(namedLayers(network, ['/fc1/*', '/fc2/*']), { glob: '{/fc1/*,/fc2/*}' });
    assert.deepEqual(layersOf(undefined), { all: true });
  });

  it('takes the names that estimate prints', () => {
    assert.deepEqual(namedLayers(network, ['fc1']), { nodes: ['/fc1/Gemm'] });
    assert.deepEqual(namedLayers(network, ['fc?']), { nodes: ['/fc1/Gemm', '/fc2/Gemm'] });
    assert.deepEqual(namedLayers(network, ['fc2', '/fc1/*', 'fc1']), { nodes: ['/fc2/Gemm', '/fc1/Gemm'] });
  });

  it('says what comes near where nothing matches', () => {
    assert.throws(
      () => namedLayers(network, ['fc1', '/fc2']),
      /no layer matches "\/fc2"; there is \/fc2\/Gemm$/,
    );
    assert.throws(() => namedLayers(network, ['zzz*']), /no layer matches "zzz\*": estimate lists/);
  });

  it('changes nothing of an edit that names its nodes', () => {
    const edit = { type: 'cast', to: 'float16', keepIo: true, layers: { nodes: ['/fc1/Gemm'] } } as const;
    assert.equal(withNodeIds(network, edit, ['fc2']), edit);
    assert.deepEqual(withNodeIds(network, { ...edit, layers: { glob: 'fc2' } }, ['fc2']), {
      ...edit,
      layers: { nodes: ['/fc2/Gemm'] },
    });
  });
});
