/**
 * Fuzzes the ONNX reader and writer for as long as you like: `npx tsx scripts/fuzz-onnx.ts [minutes] [seed]`.
 * Mutates the real models to hand too. A file that breaks a promise is written to the temporary folder.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fuzz, FuzzFailure } from '../test/support/onnx-fuzz.ts';
import { realModels } from '../test/support/onnx-files.ts';

const FILES_PER_ROUND = 20_000;
/** Larger ones are mostly weights, which a mutation does no harm. */
const LARGEST_SEED_BYTES = 100_000;

async function main(minutes: number, firstSeed: number): Promise<void> {
  const models = await Promise.all((await realModels()).map((file) => readFile(file)));
  const seeds = models.filter((bytes) => bytes.length <= LARGEST_SEED_BYTES);
  const end = Date.now() + minutes * 60_000;
  let files = 0;
  for (let seed = firstSeed; Date.now() < end; seed++) {
    const result = await fuzz({ seed, files: FILES_PER_ROUND, seeds });
    files += result.files;
    console.log(
      `seed ${seed}: ${files} files, ${result.opened} opened, slowest ${result.slowestMs.toFixed(0)} ms, ` +
        `${(result.peakBytes / 2 ** 20).toFixed(0)} MiB, refused ${JSON.stringify(result.refused)}`,
    );
  }
}

const [minutes = '60', seed = String(Date.now() % 1e9)] = process.argv.slice(2);
try {
  await main(Number(minutes), Number(seed));
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error;
  const file = path.join(tmpdir(), `fuzz-failure-${seed}.onnx`);
  await writeFile(file, error.file);
  console.error(`${file} breaks a promise:`, error.cause);
  process.exitCode = 1;
}
