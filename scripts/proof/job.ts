/**
 * One recipe applied to one file, as a process of its own: `node job.cjs EDITS_JSON IN.onnx OUT.onnx`. Prints time
 * and peak memory as JSON, as ort.py does for ONNX Runtime's tools.
 */
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { applyRecipe, executor, parseRecipe } from '../../src/transforms/index.ts';

async function main([edits = '[]', source = '', target = '']: readonly string[]): Promise<void> {
  const start = performance.now();
  // as the command line does
  executor().warmUp();
  const recipe = parseRecipe(
    JSON.stringify({
      version: 1,
      source: { name: source, sizeBytes: 0 },
      edits: JSON.parse(edits) as unknown,
    }),
  );
  const model = await openModel(source);
  const { model: changed, changes, warnings } = applyRecipe(model, recipe);
  await saveModel(changed, target);
  await model.source.close();
  const applied = changes.filter((c) => c.status === 'applied').length;
  const usage = process.resourceUsage();
  console.log(
    JSON.stringify({
      seconds: (performance.now() - start) / 1000,
      cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      peakBytes: usage.maxRSS * 1024,
      applied,
      blocked: changes.filter((c) => c.status === 'blocked').map((c) => `${c.node}: ${c.reason ?? ''}`),
      warnings: warnings.map((w) => w.message),
    }),
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
