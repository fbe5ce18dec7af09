/** Losses, and the optimizers of ai.onnx.preview.training. */
import { unknown } from '../dim.ts';
import type { Shape } from '../types.ts';
import { tensor } from './rule.ts';
import type { Rule, RuleContext, RuleTable } from './rule.ts';

/** One loss per label, or a scalar. */
function lossShape(c: RuleContext): Shape {
  return c.text('reduction', 'mean') === 'none' ? c.shape(1) : [];
}

/** scores [N, C, …], labels [N, …] → loss, log probabilities like the scores. */
const softmaxCrossEntropy: Rule = (c) => [tensor(c.elem(0), lossShape(c)), tensor(c.elem(0), c.shape(0))];

const negativeLogLikelihood: Rule = (c) => [tensor(c.elem(0), lossShape(c))];

export const losses: RuleTable = {
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
};

/**
 * R, T, then n tensors, their n gradients, and `states` values of each: out come the tensors and their states. So the
 * i-th output is like the i-th tensor.
 */
function optimizer(states: number): Rule {
  return (c) => {
    const n = Math.floor((c.inputCount - 2) / (states + 2));
    return Array.from({ length: n * (states + 1) }, (_, i) => {
      const like = 2 + (i % Math.max(n, 1));
      return tensor(c.elem(like), c.shape(like));
    });
  };
}

/** The gradient of `y` with respect to each of `xs`, the first inputs. */
const gradient: Rule = (c) =>
  Array.from({ length: c.outputCount }, (_, i) =>
    c.has(i) ? tensor(c.elem(i), c.shape(i)) : unknown('gradient of nothing'),
  );

export const trainingOperators: RuleTable = {
  Adagrad: optimizer(1),
  Adam: optimizer(2),
  Momentum: optimizer(1),
  Gradient: gradient,
};
