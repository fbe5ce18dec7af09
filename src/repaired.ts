/**
 * Repair of pruned layers, one round after another: of the model as it is so far, the part that comes after the layers
 * repaired in the round before is written, asked about beside the original, and the values that follow are kept in files until the whole model is saved. Composed by `calibrated.ts`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  bodyOfValue,
  bodyValue,
  type Calibration,
  type CalibrationTarget,
  type Moments,
  type MomentsTarget,
} from './analysis/index.ts';
import { cutTo, OnnxError, saveModel, type Model } from './onnx/index.ts';
import { RepairProgress } from './repair-progress.ts';
import { lifted, RunnerError, type CollectedCalibration, type KeptValues } from './runtime/index.ts';
import {
  applyRecipe,
  compareRounds,
  type AppliedRecipe,
  type Recipe,
  type RepairQuestion,
  type RepairResult,
  type RepairStage,
  type RepairValues,
} from './transforms/index.ts';

/** What was found, in a folder of its own. */
export class RepairFiles implements RepairValues {
  readonly folder: string;
  readonly #files = new Map<string, string>();
  /** Ids of layers that stay as removal leaves them, and why. */
  readonly #left = new Map<string, string>();
  /** Ids of layers whose weights are as good as any that were fitted. */
  readonly #kept = new Set<string>();
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
    const [, node = ''] = key.split('\0');
    if (this.#isComplete && !this.#left.has(node))
      throw new RangeError(`repair found nothing for "${key.replaceAll('\0', '/')}"`);
    return undefined;
  }

  async keep(node: string, { values: found, keepsWeights = false }: RepairResult): Promise<void> {
    if (keepsWeights) this.#kept.add(node);
    for (const [key, values] of found) {
      const [, , part = ''] = key.split('\0');
      if (!values.every(Number.isFinite)) {
        const message = `repair of "${node}" gives a ${part} with NaN or infinite values: on these data values of the model are too large; give other data, or another repair`;
        throw new OnnxError('unsupported', message, { node });
      }
      const file = path.join(this.folder, `${this.#files.size}.bin`);
      await writeFile(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      this.#files.set(key, file);
    }
  }

  /** No sample comes to the layer. */
  leave(node: string): void {
    this.#left.set(node, `${node} is not repaired: no sample of the calibration data reaches it`);
  }

  /** Layers that were left, and those that nothing was gained at. */
  get warnings(): readonly string[] {
    const left = [...this.#left.values()];
    if (this.#kept.size === 0) return left;
    const kept = [...this.#kept].join(', ');
    return [
      ...left,
      `repair keeps the weights of ${kept}: none fitted to some of the samples were better on the others`,
    ];
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
      applied.idsAfter,
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
  /** Of the original. */
  readonly before: CalibrationTarget | undefined;
}

/** Round by round. */
async function asked(
  stages: readonly RepairStage[],
  idsAfter: AppliedRecipe['idsAfter'],
  signal: AbortSignal | undefined,
): Promise<Asked[][]> {
  const rounds = new Map<string, Asked[]>();
  for (const stage of [...stages].sort((a, b) => compareRounds(a.round, b.round))) {
    const key = stage.round.join('.');
    const question = await stage.ask(signal);
    const own = { stage, question: ofChanged(question, idsAfter), before: question.statistics };
    rounds.set(key, [...(rounds.get(key) ?? []), own]);
  }
  return [...rounds.values()];
}

/** Stages name bodies by their ids in the original. */
function ofChanged(
  { moments, statistics }: RepairQuestion,
  idsAfter: AppliedRecipe['idsAfter'],
): RepairQuestion {
  const named = (name: string): string => {
    const found = bodyOfValue(name);
    if (found === undefined) return name;
    const at = found.body.lastIndexOf('/');
    const [id = found.body.slice(0, at)] = idsAfter.get(found.body.slice(0, at)) ?? [];
    return bodyValue(id + found.body.slice(at), found.name);
  };
  return {
    moments: moments && {
      ...moments,
      input: named(moments.input),
      minus: moments.minus === undefined ? undefined : named(moments.minus),
    },
    statistics: statistics && { ...statistics, tensor: named(statistics.tensor) },
  };
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
  const { calibration, repaired, signal } = work;
  const inputs = new Set(model.graph.inputs.map((i) => i.name));
  const values = statistics.map((s) => s.tensor).filter((name) => !inputs.has(name));
  const file = path.join(repaired.folder, 'changed.onnx');
  await saveModel(cutTo(lifted(model, values).model, values), file, { signal });
  try {
    const found = await answers.statistics(file, statistics, round);
    try {
      for (const { stage, question, before } of own) {
        if (question.statistics === undefined) continue;
        const { tensor, channelAxis } = question.statistics;
        const { channels } = found.statistics(tensor, channelAxis) ?? {};
        if (isUnreached(found, tensor) || isUnreached(calibration, before?.tensor)) {
          repaired.leave(stage.node);
          continue;
        }
        await repaired.keep(stage.node, await stage.solve({ statistics: channels }, signal));
      }
    } finally {
      await found.dispose();
    }
  } finally {
    await rm(file, { force: true });
  }
}

function isUnreached(calibration: Calibration | undefined, tensor: string | undefined): boolean {
  return tensor !== undefined && calibration?.statistics(tensor)?.count === 0;
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
    if (of === undefined) return;
    if (found.folds.every((f) => f.rows === 0)) repaired.leave(of.stage.node);
    else await repaired.keep(of.stage.node, await of.stage.solve({ moments: found }, signal));
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
