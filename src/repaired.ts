/**
 * Repair of pruned layers, one round after another: the model as it is so far is written, asked about beside the
 * original, and the values that follow are kept in files until the whole model is saved. Composed by `calibrated.ts`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Calibration, CalibrationTarget, Moments, MomentsTarget } from './analysis/index.ts';
import { cutTo, saveModel, type Model } from './onnx/index.ts';
import type { CollectedCalibration } from './runtime/index.ts';
import {
  applyRecipe,
  type AppliedRecipe,
  type Recipe,
  type RepairQuestion,
  type RepairStage,
  type RepairValues,
} from './transforms/index.ts';

/** What was found, in a folder of its own. */
export class RepairFiles implements RepairValues {
  readonly folder: string;
  readonly #files = new Map<string, string>();
  #isComplete = false;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<RepairFiles> {
    return new RepairFiles(await mkdtemp(path.join(tmpdir(), 'vram-lens-repair-')));
  }

  async read(key: string): Promise<Float32Array | undefined> {
    const file = this.#files.get(key);
    if (file !== undefined) return new Float32Array(Uint8Array.from(await readFile(file)).buffer);
    if (this.#isComplete) throw new RangeError(`repair found nothing for "${key.replaceAll('\0', '/')}"`);
    return undefined;
  }

  async keep(found: ReadonlyMap<string, Float32Array>): Promise<void> {
    for (const [key, values] of found) {
      const file = path.join(this.folder, `${this.#files.size}.bin`);
      await writeFile(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      this.#files.set(key, file);
    }
  }

  /** From now on a value that is missing is an error. */
  complete(): void {
    this.#isComplete = true;
  }

  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** Answers about a model on disk; `round` counts those asked. */
interface Answers {
  readonly moments: (
    changed: string,
    questions: readonly MomentsTarget[],
    use: (moments: Moments, question: MomentsTarget) => Promise<void>,
    round: number,
  ) => Promise<void>;
  readonly statistics: (
    changed: string,
    questions: readonly CalibrationTarget[],
    round: number,
  ) => Promise<CollectedCalibration>;
}

interface Work {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly calibration: Calibration | undefined;
  readonly repaired: RepairFiles;
  readonly signal: AbortSignal | undefined;
}

export async function repairLayers(work: Work, answers: Answers): Promise<void> {
  const { model, recipe, calibration, repaired } = work;
  let round = 0;
  for (const edit of recipe.edits.keys()) {
    const upTo = { ...recipe, edits: recipe.edits.slice(0, edit + 1) };
    const applied = applyRecipe(model, upTo, { calibration, repaired });
    const stages = applied.repairs.filter((s) => s.edit === edit);
    for (const own of byRound(stages)) await repairRound(work, applied, own, answers, round++);
  }
  repaired.complete();
}

function byRound(stages: readonly RepairStage[]): RepairStage[][] {
  const rounds = new Map<number, RepairStage[]>();
  for (const stage of stages) rounds.set(stage.round, [...(rounds.get(stage.round) ?? []), stage]);
  return [...rounds].sort(([a], [b]) => a - b).map(([, own]) => own);
}

async function repairRound(
  { repaired, signal }: Work,
  { model }: AppliedRecipe,
  stages: readonly RepairStage[],
  answers: Answers,
  round: number,
): Promise<void> {
  const asked: { readonly stage: RepairStage; readonly question: RepairQuestion }[] = [];
  for (const stage of stages) asked.push({ stage, question: await stage.ask(signal) });
  const values = asked.flatMap(({ question: { moments, statistics } }) => [
    ...(moments === undefined ? [] : [moments.input, moments.minus ?? moments.input]),
    ...(statistics === undefined ? [] : [statistics.tensor]),
  ]);
  const inputs = new Set(model.graph.inputs.map((i) => i.name));
  const file = path.join(repaired.folder, 'changed.onnx');
  await saveModel(
    cutTo(
      model,
      values.filter((v) => !inputs.has(v)),
    ),
    file,
    { signal },
  );
  try {
    const moments = asked.flatMap(({ question }) => question.moments ?? []);
    if (moments.length > 0) {
      const use = async (found: Moments, target: MomentsTarget): Promise<void> => {
        const of = asked.find(({ question }) => question.moments === target);
        if (of !== undefined) await repaired.keep(await of.stage.solve({ moments: found }, signal));
      };
      await answers.moments(file, moments, use, round);
    }
    const statistics = asked.flatMap(({ question }) => question.statistics ?? []);
    if (statistics.length > 0) {
      const found = await answers.statistics(file, statistics, round);
      try {
        for (const { stage, question } of asked) {
          if (question.statistics === undefined) continue;
          const { tensor, channelAxis } = question.statistics;
          const { channels } = found.statistics(tensor, channelAxis) ?? {};
          await repaired.keep(await stage.solve({ statistics: channels }, signal));
        }
      } finally {
        await found.dispose();
      }
    }
  } finally {
    await rm(file, { force: true });
  }
}
