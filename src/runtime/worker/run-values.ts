/** Runs one model over the data with some of its inner values as outputs, kept or compared with those of another. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { openModel } from '../../onnx/index.ts';
import { openData } from '../data/open.ts';
import { planInputs } from '../inputs.ts';
import type { ValuesJob, ValuesResult } from '../messages.ts';
import { modelInputs } from '../model-inputs.ts';
import { exposed } from './expose.ts';
import type { Say } from './main.ts';
import { OutputComparer, OutputWriter } from './outputs.ts';
import { createSession, loadOrt, runSession, toFeeds } from './session.ts';

export async function runValues(job: ValuesJob, say: Say): Promise<ValuesResult> {
  const ort = await loadOrt();
  const model = await openModel(job.model);
  try {
    const plan = planInputs(modelInputs(model), { ...job, acceptFixedBatch: true });
    const data = await openData(job.data, plan, job.hints);
    const writer = job.saveOutputs === undefined ? undefined : await OutputWriter.create(job.saveOutputs);
    const comparer = job.compareWith === undefined ? undefined : await OutputComparer.open(job.compareWith);
    const names = [...new Set(job.values.map((v) => v.name))];
    const file = path.join(job.scratch, `exposed-${process.pid}.onnx`);
    say.phase(`loading ${path.basename(job.model)} on ${job.session.ep}`);
    const session = await createSession(ort, await exposed(model, names, file), job.session);
    let done = 0;
    try {
      for await (const batch of data.batches()) {
        const what = `running batch ${++done} for the values inside of ${path.basename(job.model)}`;
        say.phase(what);
        const found = await runSession(session, toFeeds(ort, batch.feeds), names, what);
        const outputs = Object.fromEntries(
          job.values.flatMap(({ name, as }) => {
            const tensor = found[name];
            return tensor === undefined ? [] : [[as, tensor] as const];
          }),
        );
        await writer?.write(outputs);
        await comparer?.compare(outputs);
      }
    } finally {
      data.close();
      await rm(file, { force: true });
    }
    await writer?.close();
    return {
      outputs: (await comparer?.close()) ?? [],
      dataDescription: data.description,
      warnings: [...plan.warnings, ...data.warnings, ...(comparer?.warnings ?? [])],
    };
  } finally {
    await model.source.close();
  }
}
