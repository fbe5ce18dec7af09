/**
 * Which outputs of ONNX Runtime's CPU kernels take the buffer of an input: always (`alias`: Reshape and its like), or
 * where that is the input's last use and both have the same size (`mayInplace`). As seen in the profiles of ONNX's
 * own node tests (onnxruntime-node 1.30): arithmetic does not compute in place, activations do.
 */

import { nchwcDomain } from './rewrite/nchwc/layout.ts';

export interface InplaceRule {
  /** [input, output] pairs. */
  readonly alias?: readonly (readonly [number, number])[];
  readonly mayInplace?: readonly (readonly [number, number])[];
}

const none: InplaceRule = {};
const alias: InplaceRule = { alias: [[0, 0]] };
const inplace: InplaceRule = { mayInplace: [[0, 0]] };

const rules: Readonly<Record<string, InplaceRule>> = {
  ...table(alias, 'Reshape Flatten Squeeze Unsqueeze Identity OptionalGetElement'),
  ...table(
    inplace,
    'Relu Elu HardSigmoid LeakyRelu Selu Sigmoid Softplus Softsign Tanh ThresholdedRelu Celu Shrink Clip ' +
      'Softmax LogSoftmax Scatter ScatterElements TensorScatter Trilu Cast',
  ),
};

function table(rule: InplaceRule, names: string): Record<string, InplaceRule> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** A convolution adds to the tensor that it is fused with. */
const addingConv: InplaceRule = { mayInplace: [[3, 0]] };

export function inplaceRule(domain: string, opType: string): InplaceRule {
  if (domain === nchwcDomain) return opType === 'Conv' ? addingConv : none;
  if (domain === 'com.microsoft') return opType === 'FusedConv' ? addingConv : none;
  return domain === '' ? (rules[opType] ?? none) : none;
}
