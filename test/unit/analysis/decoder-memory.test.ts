/** The peaks of language models against ONNX Runtime's, of the first run and from the second on, to the byte. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import { applyRecipe, type Edit } from '../../../src/transforms/index.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { recipe } from '../transforms/edits.ts';
import { Workers } from '../runtime/worker-bundle.ts';
import { decoder, type AttentionForm } from './decoders.ts';

const layers = { all: true } as const;
const blocks: Edit = { type: 'quantize', layers, form: 'blocks', bits: 4, blockSize: 32 };
const half: Edit = { type: 'cast', layers, to: 'float16', keepIo: false };

describe('the memory of language models', function () {
  this.timeout(120_000);
  const workers = new Workers();

  const cases: readonly (readonly [name: string, attention: AttentionForm, edit?: Edit])[] = [
    ['grouped queries', 'grouped'],
    ['grouped queries, blocks of 4 bits', 'grouped', blocks],
    ['grouped queries in one weight, float16', 'packed', half],
    ['as many keys as queries', 'multi-head'],
  ];
  for (const [name, attention, edit] of cases)
    it(`is that of attention with ${name}, at the prompt and after it`, async () => {
      await inTemporaryFolder(async (folder) => {
        const file = path.join(folder, 'decoder.onnx');
        await saveModel(applyRecipe(decoder(attention), recipe(...(edit ? [edit] : []))).model, file);
        const opened = await openModel(file);
        const analysis = analyze(opened);
        for (const [batch, count, past] of [
          [1, 64, 0],
          [4, 1, 128],
        ] as const) {
          const dims = { batch, new: count, past, all: past + count };
          const { totalPeak, repeatedPeakBytes } = analysis.estimate({ dims, isRepeated: true, threads: 1 });
          const { memInUsePeakBytes } = await workers.shared.profile(file, {
            dims,
            runs: 2,
            session: { intraOpThreads: 1 },
          });
          assert.deepEqual([totalPeak.bytes, repeatedPeakBytes], memInUsePeakBytes, JSON.stringify(dims));
        }
        await opened.source.close();
      });
    });
});
