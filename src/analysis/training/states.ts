/** What training holds for each parameter, whatever the batch: weight, gradient, optimizer state, master copy. */
import type { Value } from '../memory/values.ts';
import type { Certainty } from '../types.ts';
import type { GradientFlow } from './flow.ts';
import type { Optimizer, TrainingFigure, TrainingOptions } from './types.ts';

/** States per parameter: SGD none, momentum its velocity, Adam and AdamW mean and variance (Kingma & Ba 2015). */
const statesPerParameter: Readonly<Record<Optimizer, number>> = { sgd: 0, momentum: 1, adam: 2, adamw: 2 };

/**
 * 8-bit states (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization"), as bitsandbytes holds them: a
 * byte per element and a float32 maximum per block; tensors of fewer elements stay in 32 bits.
 */
const stateBlock = 256;
const smallestIn8Bits = 4096;

export interface States {
  readonly trainableCount: number;
  readonly frozenCount: number;
  readonly weights: TrainingFigure;
  readonly gradients: TrainingFigure;
  readonly optimizerState: TrainingFigure;
  readonly masterWeights: TrainingFigure;
}

export function statesOf(
  { trainable, frozen }: Pick<GradientFlow, 'trainable' | 'frozen'>,
  options: Required<Pick<TrainingOptions, 'optimizer' | 'optimizerBits' | 'precision'>>,
): States {
  const isMixed = options.precision === 'mixed';
  const size = isMixed ? 2 : 4;
  const count = sumOf(trainable, (v) => v.constant?.count ?? 0);
  const frozenBytes = sumOf(frozen, (v) => v.constant?.bytes ?? 0);
  const ofFrozen = frozenBytes === 0 ? '' : ` + ${frozenBytes}`;
  return {
    trainableCount: count,
    frozenCount: sumOf(frozen, (v) => v.constant?.count ?? 0),
    weights: {
      ...exact(count * size + frozenBytes, `${count}·${size}${ofFrozen}`),
      note: frozenBytes === 0 ? undefined : 'what is not trained as stored',
    },
    gradients: exact(count * size, `${count}·${size}`),
    optimizerState: optimizerState(trainable, count, options.optimizer, options.optimizerBits),
    masterWeights: exact(isMixed ? count * 4 : 0, isMixed ? `${count}·4` : '0'),
  };
}

function optimizerState(
  trainable: readonly Value[],
  count: number,
  optimizer: Optimizer,
  bits: 32 | 8,
): TrainingFigure {
  const states = statesPerParameter[optimizer];
  if (states === 0) return exact(0, '0');
  if (bits === 32) return exact(states * count * 4, `${states}·${count}·4`);
  let [small, large, blocks] = [0, 0, 0];
  for (const v of trainable) {
    const elements = v.constant?.count ?? 0;
    if (elements < smallestIn8Bits) small += elements;
    else {
      large += elements;
      blocks += Math.ceil(elements / stateBlock);
    }
  }
  return exact(
    states * (large + 4 * blocks + 4 * small),
    `${states}·(${large} + 4·${blocks} blocks + 4·${small})`,
  );
}

function exact(bytes: number, formula: string): TrainingFigure & { readonly certainty: Certainty } {
  return { bytes, certainty: 'exact', formula };
}

function sumOf(values: readonly Value[], count: (v: Value) => number): number {
  return values.reduce((sum, v) => sum + count(v), 0);
}
