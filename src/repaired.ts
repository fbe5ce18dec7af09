/**
 * Repair of pruned layers, one round after another: of the model as it is so far, the part that comes after the layers
 * repaired in the round before is written, asked about beside the original, and the values that follow are kept in files until the whole model is saved. Composed by `calibrated.ts`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Calibration, CalibrationTarget, Moments, MomentsTarget } from './analysis/index.ts';
import { cutTo, OnnxError, saveModel, type Model } from './onnx/index.ts';
import { RepairProgress } from './repair-progress.ts';
import { RunnerError, type CollectedCalibration, type KeptValues } from './runtime/index.ts';
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
      const [, node = '', part = ''] = key.split('\0');
      if (!values.every(Number.isFinite)) {
        const message = `repair of "${node}" gives a ${part} with NaN or infinite values: on these data values of the model are too large; give other data, or another repair`;
        throw new OnnxError('unsupported', message, { node });
      }
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
    kept: KeptValues,
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
  const { model, recipe, calibration, repaired, signal } = work;
  let round = 0;
  for (const edit of recipe.edits.keys()) {
    const upTo = { ...recipe, edits: recipe.edits.slice(0, edit + 1) };
    const applied = applyRecipe(model, upTo, { calibration, repaired });
    const rounds = await asked(
      applied.repairs.filter((s) => s.edit === edit),
      signal,
    );
    const progress = new RepairProgress(model, applied.model, path.join(repaired.folder, `kept-${edit}`));
    for (const [i, own] of rounds.entries())
      await repairRound(
        work,
        applied,
        { own, later: rounds.slice(i + 1).flat(), progress },
        answers,
        round++,
      );
    await progress.dispose();
  }
  repaired.complete();
}

interface Asked {
  readonly stage: RepairStage;
  readonly question: RepairQuestion;
}

/** Round by round. */
async function asked(stages: readonly RepairStage[], signal: AbortSignal | undefined): Promise<Asked[][]> {
  const rounds = new Map<number, Asked[]>();
  for (const stage of stages) {
    const own = { stage, question: await stage.ask(signal) };
    rounds.set(stage.round, [...(rounds.get(stage.round) ?? []), own]);
  }
  return [...rounds].sort(([a], [b]) => a - b).map(([, own]) => own);
}

interface Round {
  readonly own: readonly Asked[];
  readonly later: readonly Asked[];
  readonly progress: RepairProgress;
}

async function repairRound(
  work: Work,
  { model }: AppliedRecipe,
  { own, later, progress }: Round,
  answers: Answers,
  round: number,
): Promise<void> {
  const moments = momentsOf(own);
  if (moments.length > 0) await fitLayers(work, { own, later, progress }, answers, round);
  const statistics = own.flatMap(({ question }) => question.statistics ?? []);
  if (statistics.length === 0) return;
  const { repaired, signal } = work;
  const inputs = new Set(model.graph.inputs.map((i) => i.name));
  const values = statistics.map((s) => s.tensor).filter((name) => !inputs.has(name));
  const file = path.join(repaired.folder, 'changed.onnx');
  await saveModel(cutTo(model, values), file, { signal });
  try {
    const found = await answers.statistics(file, statistics, round);
    try {
      for (const { stage, question } of own) {
        if (question.statistics === undefined) continue;
        const { tensor, channelAxis } = question.statistics;
        const { channels } = found.statistics(tensor, channelAxis) ?? {};
        await repaired.keep(await stage.solve({ statistics: channels }, signal));
      }
    } finally {
      await found.dispose();
    }
  } finally {
    await rm(file, { force: true });
  }
}

function momentsOf(asked: readonly Asked[]): MomentsTarget[] {
  return asked.flatMap(({ question }) => question.moments ?? []);
}

/** Goes on from what the round before left; from the inputs where that is too large by now. */
async function fitLayers(work: Work, round: Round, answers: Answers, index: number): Promise<void> {
  const { repaired, signal } = work;
  const { own, later, progress } = round;
  const moments = momentsOf(own);
  const { part, kept } = progress.next(moments, momentsOf(later));
  const file = path.join(repaired.folder, 'changed.onnx');
  await saveModel(part, file, { signal });
  const use = async (found: Moments, target: MomentsTarget): Promise<void> => {
    const of = own.find(({ question }) => question.moments === target);
    if (of !== undefined) await repaired.keep(await of.stage.solve({ moments: found }, signal));
  };
  try {
    await answers.moments(file, moments, use, index, kept);
    await progress.settle(kept);
  } catch (error) {
    if (!(error instanceof RunnerError) || !error.isPerBatch || progress.isAtStart) throw error;
    await progress.dispose();
    await fitLayers(work, round, answers, index);
  } finally {
    await rm(file, { force: true });
  }
}
