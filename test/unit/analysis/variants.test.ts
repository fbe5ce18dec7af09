/** Choices between ranks that no formula can follow: made again at the sizes asked for. Silero VAD v5 has such an If. */
import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import { analyze, type Analysis } from '../../../src/analysis/index.ts';
import { openModel, type Model } from '../../../src/onnx/index.ts';

describe('an If whose branches differ in rank', () => {
  let model: Model;
  let analysis: Analysis;
  const inner = 'If_0/then_branch/If_0_then_branch__Inline_0__/decoder/If';

  before(async () => {
    model = await openModel('node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx');
    analysis = analyze(model);
  });
  after(() => model.source.close());

  const shapeAt = (samples: number) =>
    analysis.estimate({ dims: { 'input.d1': samples } }).nodes.find((n) => n.id === inner)?.outputShape;

  it('gives the squeezed shape where one frame fits', () => {
    assert.deepEqual(shapeAt(512), [1, 128]);
  });

  it('gives the other branch’s shape where two frames fit', () => {
    // (1024 + 320) // 512 = 2 frames: nothing to squeeze
    assert.deepEqual(shapeAt(1024), [1, 128, 2]);
  });

  it('gives the first one again', () => {
    assert.deepEqual(shapeAt(512), [1, 128]);
  });

  it('takes the middle axis of a recurrent state for the batch', () => {
    const state = analysis.symbols.find((s) => s.name === 'state.d1');
    assert.deepEqual([state?.isBatch, state?.defaultValue], [true, 1]);
  });

  it('counts everything held as the sum of its causes', () => {
    const e = analyze(model).estimate();
    const parts = [e.deviceWeights, e.weightsBeside, e.peakActivation, e.workspace, e.overhead];
    assert.equal(
      e.heldPeak.bytes,
      parts.reduce((sum, p) => sum + (p.bytes ?? assert.fail('a cause is unknown')), 0),
    );
  });
});
