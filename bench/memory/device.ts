/**
 * What a process takes on a device EP beside the prediction: a device's allocator reports nothing, so that the memory of the
 * process is what there is, which holds the device's memory only where the device is software (SwiftShader).
 */
import { analyze } from '../../src/analysis/index.ts';
import type { EpName } from '../../src/analysis/index.ts';
import { openModel } from '../../src/onnx/index.ts';
import { measure } from '../../scripts/calibrate/measure.ts';
import type { Case } from './cases.ts';

/** A case that takes longer is left out, with a line that says so. */
const budgetMs = 600_000;

/** Prints the table "Real models on WebGPU" of docs/memory.md; every model in a process of its own. */
export async function compareOnDevice(cases: readonly Case[], ep: EpName): Promise<void> {
  console.log('| model | dims | in use after two runs | most | predicted | of it overhead |');
  console.log('|---|---|--:|--:|--:|--:|');
  for (const c of cases) console.log(`| ${(await cells(c, ep)).join(' | ')} |`);
}

async function cells(c: Case, ep: EpName): Promise<string[]> {
  const model = await openModel(c.path);
  try {
    const { heldPeak, overhead } = analyze(model).estimate({ dims: c.dims, ep, optimization: 'all' });
    const predicted = [mebibytes(heldPeak.bytes), mebibytes(overhead.bytes)];
    const measured = await measure(c.path, {
      ep,
      optimization: 'all',
      dims: c.dims,
      timeoutMs: budgetMs,
    }).then(
      ({ heldBytes, peakBytes }) => [mebibytes(heldBytes), mebibytes(peakBytes)],
      (error: unknown) => [error instanceof Error ? error.message : String(error), ''],
    );
    return [c.name, Object.values(c.dims).join(' × '), ...measured, ...predicted];
  } finally {
    await model.source.close();
  }
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
