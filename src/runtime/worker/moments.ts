/**
 * Runs the original and a changed model side by side, and sums the products of what a layer of the changed one reads
 * with itself and with what the layer is to give. Both models are cut to the values that are asked for, and go on from
 * those that an earlier run left.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import type { MomentsTarget } from '../../analysis/calibration.ts';
import { openModel, type Model } from '../../onnx/index.ts';
import { KeptFiles, type KeptSide, type Side } from '../calibrate/kept.ts';
import type { CollectedMoments } from '../calibrate/moments.ts';
import { openData } from '../data/open.ts';
import type { DataSource } from '../data/source.ts';
import { RunnerError } from '../failure.ts';
import { planInputs } from '../inputs.ts';
import type { MomentsJob } from '../messages.ts';
import { modelInputs } from '../model-inputs.ts';
import { lifted } from '../lift.ts';
import { cutOut } from './expose.ts';
import type { Say } from './main.ts';
import { MomentAdder, MomentSum, shapeOf } from './moment-sums.ts';
import { createSession, loadOrt, runSession, toFeeds, type Ort } from './session.ts';

/** Matrices of one pass over the data. */
const defaultPassBytes = 512 * 1024 ** 2;

export async function collectMoments(job: MomentsJob, say: Say): Promise<CollectedMoments[]> {
  const [original, changed] = [await openModel(job.model), await openModel(job.changed)];
  const kept = new KeptFiles(job.kept ?? nothingKept);
  const batchSize = (await kept.batchSize()) ?? job.batchSize;
  const plan = planInputs(modelInputs(original), { ...job, batchSize, acceptFixedBatch: true });
  const data = await openData(job.data, plan, job.hints);
  const ort = await loadOrt();
  const adder = await MomentAdder.create(ort, job.session);
  try {
    const found: CollectedMoments[] = [];
    let rest = job.targets;
    while (rest.length > 0) {
      const pass = new Pass({ ort, job, original, changed, kept, data, adder, first: found.length }, say);
      found.push(...(await pass.run(rest)));
      rest = job.targets.slice(found.length);
    }
    if (job.kept !== undefined) await kept.complete(batchSize);
    return found;
  } finally {
    data.close();
    await adder.release();
    await original.source.close();
    await changed.source.close();
  }
}

const none: KeptSide = { known: {}, keep: [] };
const nothingKept = { folder: '', original: none, changed: none };

interface Setting {
  readonly ort: Ort;
  readonly job: MomentsJob;
  readonly original: Model;
  readonly changed: Model;
  readonly kept: KeptFiles;
  readonly data: DataSource;
  readonly adder: MomentAdder;
  /** Index of the first target. */
  readonly first: number;
}

class Pass {
  readonly #setting: Setting;
  readonly #say: Say;

  constructor(setting: Setting, say: Say) {
    this.#setting = setting;
    this.#say = say;
  }

  /** The targets from the first one on whose matrices fit, at least one. */
  async run(targets: readonly MomentsTarget[]): Promise<CollectedMoments[]> {
    const { data, job, original, changed, adder, first } = this.#setting;
    const sums: MomentSum[] = [];
    let taken = targets;
    const sessions = {
      before: await this.#session(
        original,
        taken.map((t) => t.output),
        'original',
      ),
      after: await this.#session(
        changed,
        taken.flatMap((t) => [t.input, ...(t.minus === undefined ? [] : [t.minus])]),
        'changed',
      ),
    };
    let [seen, index] = [0, 0];
    for await (const batch of data.batches()) {
      const feeds = toFeeds(this.#setting.ort, batch.feeds);
      const what = `collecting from samples ${seen + 1} to ${seen + batch.count} of ${data.samples}`;
      this.#say.phase(what);
      const before = await sessions.before.run(feeds, index, what);
      const after = await sessions.after.run(feeds, index, what);
      index++;
      if (seen === 0) taken = this.#fitting(taken, after);
      for (const [i, target] of taken.entries()) {
        const sum = (sums[i] ??= new MomentSum(adder, target, data.samples));
        await sum.push(before, after, { count: batch.count, first: seen });
      }
      seen += batch.count;
      this.#say.progress((first + (taken.length * seen) / data.samples) / job.targets.length, what);
    }
    await sessions.before.release();
    await sessions.after.release();
    return Promise.all(sums.map((sum, i) => sum.write(job.scratch, `moments-${first + i}`)));
  }

  #fitting(targets: readonly MomentsTarget[], after: Readonly<Record<string, Tensor>>): MomentsTarget[] {
    let left = this.#setting.job.maxPassBytes ?? defaultPassBytes;
    const count = targets.findIndex(({ input, rows, channels, folds }) => {
      const dims = after[input]?.dims ?? [];
      // a body that does not run in the first batch tells nothing
      const { size, groups } = dims.includes(0) ? { size: 0, groups: 1 } : shapeOf(dims, rows, input);
      // the sums, and the successor of one
      left -= 4 * (folds + 1) * (size + 1) * (groups * (size + 1) + channels.length);
      return left < 0;
    });
    return count < 0 ? [...targets] : targets.slice(0, Math.max(1, count));
  }

  async #session(given: Model, asked: readonly string[], side: Side): Promise<ModelRun> {
    const { ort, job, kept, first } = this.#setting;
    const { model } = lifted(given, asked);
    const known = new Map(Object.entries(job.kept?.[side].known ?? {}));
    const inputs = new Set(model.graph.inputs.map((i) => i.name));
    const isGiven = (name: string): boolean => inputs.has(name) || known.has(name);
    // what is kept for later is written in the first pass
    const keep = first === 0 ? kept.missing(side) : [];
    const fetches = [...new Set([...asked, ...keep])].filter((name) => !isGiven(name));
    const made = new Set(model.graph.nodes.flatMap((n) => n.outputs));
    const missing = fetches.find((name) => !made.has(name));
    if (missing !== undefined)
      throw new RunnerError(
        'model',
        `"${missing}" is no value of ${path.basename(job.model)} (${side}), so nothing can be collected of it.`,
      );
    this.#say.phase(`loading ${path.basename(job.model)} (${side}) on ${job.session.ep}`);
    const file = path.join(job.scratch, `${side}-${first}.onnx`);
    const session =
      fetches.length === 0
        ? undefined
        : await createSession(ort, await cutOut(model, fetches, file, known), job.session);
    const read = new Set([...(session?.inputNames ?? []), ...asked].filter((name) => known.has(name)));
    return {
      run: async (feeds, batch, what) => {
        const given = { ...feeds };
        for (const name of read) {
          const { type, dims, data } = await kept.read(side, name, batch);
          given[name] = new ort.Tensor(type as 'float32', data as Float32Array, dims);
        }
        const own = Object.fromEntries(
          (session?.inputNames ?? []).flatMap((name) => {
            const tensor = given[name];
            return tensor === undefined ? [] : [[name, tensor] as const];
          }),
        );
        const found = session === undefined ? {} : await runSession(session, own, fetches, what);
        for (const name of keep) {
          const { type, dims, data } = found[name] ?? {};
          const isNumbers = type !== undefined && dims !== undefined && ArrayBuffer.isView(data);
          await kept.write(side, name, batch, isNumbers ? { type, dims, data } : undefined);
        }
        return { ...given, ...found };
      },
      release: async () => {
        await session?.release();
        await rm(file, { force: true });
      },
    };
  }
}

/** One of the two models, over the data. */
interface ModelRun {
  /** All values that are at hand then, those asked for among them. */
  readonly run: (
    feeds: Readonly<Record<string, Tensor>>,
    batch: number,
    what: string,
  ) => Promise<Readonly<Record<string, Tensor>>>;
  readonly release: () => Promise<void>;
}
