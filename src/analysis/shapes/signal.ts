/** Fourier transforms and windows of signals. Signals are [batch, …, samples, …, 1 or 2]: real or complex numbers. */
import { DataType } from '../../onnx/model.ts';
import { add, floorDiv, isUnknown, mul, sub } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { normalizeAxis, tensor } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { rankUnknown } from './spatial.ts';

/** The axis that is transformed: an attribute at opset 17, an input since 20. Null: given, but not known. */
function transformedAxis(c: RuleContext): number | null {
  if (c.version < 20) return c.int('axis', 1);
  if (!c.has(2)) return -2;
  const axis = c.content(2)?.[0];
  return typeof axis === 'number' ? axis : null;
}

/** One-sided: ⌊n / 2⌋ + 1 values of a real signal of n; back again, n real ones of 2·(d − 1). */
const dft: Rule = (c) => {
  const dims = c.dims(0);
  const axis = transformedAxis(c);
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const [oneSided, inverse] = [c.int('onesided', 0) === 1, c.int('inverse', 0) === 1];
  const parts = oneSided && inverse ? 1 : 2;
  const last = dims.length - 1;
  if (axis === null) return [tensor(c.elem(0), alongUnknownAxis(c, dims, parts, oneSided))];
  const at = normalizeAxis(axis, dims.length);
  const whole = oneSided && inverse ? mul(sub(dims[at] ?? 1, 1), 2) : (dims[at] ?? 1);
  const given = c.has(1) ? c.content(1)?.[0] : whole;
  const length = given === undefined || isUnknown(given) ? c.derived(0, `d${at}`) : given;
  const size = oneSided && !inverse ? halfOf(length) : length;
  return [
    tensor(
      c.elem(0),
      dims.map((d, i) => (i === last ? parts : i === at ? size : d)),
    ),
  ];
};

/** The length changes along one axis, and only where it is given or half of it is kept. */
function alongUnknownAxis(c: RuleContext, dims: Dims, parts: number, oneSided: boolean): Dims {
  const keepsLength = !oneSided && !c.has(1);
  return dims.map((d, i) => (i === dims.length - 1 ? parts : keepsLength ? d : c.derived(0, `d${i}`)));
}

function halfOf(n: Dim): Dim {
  return add(floorDiv(n, 2), 1);
}

/** signal [B, L, 1 or 2], frame_step, window, frame_length → [B, frames, ⌊n / 2⌋ + 1 or n, 2] */
const stft: Rule = (c) => {
  const signal = c.dims(0);
  const step = c.content(1)?.[0];
  const length = (c.has(3) ? c.content(3)?.[0] : c.dims(2)?.[0]) ?? c.derived(0, 'frame_length');
  const bins = c.int('onesided', 1) === 1 ? halfOf(length) : length;
  const frames =
    step === undefined || isUnknown(step) || signal === undefined
      ? c.derived(0, 'd1')
      : add(floorDiv(sub(signal[1] ?? 1, length), step), 1);
  return [tensor(c.elem(0), [signal?.[0] ?? rankUnknown, frames, bins, 2])];
};

/** HannWindow and its like: as long as the input says. */
const windowFunction: Rule = (c) => [
  tensor(c.int('output_datatype', DataType.float), [c.content(0)?.[0] ?? c.derived(0, 'd0')]),
];

/** num_mel_bins, dft_length, … → [⌊dft_length / 2⌋ + 1, num_mel_bins] */
const melWeightMatrix: Rule = (c) => {
  const [bins, length] = [c.content(0)?.[0], c.content(1)?.[0]];
  const shape: Shape = [
    length === undefined ? c.derived(0, 'd0') : halfOf(length),
    bins ?? c.derived(0, 'd1'),
  ];
  return [tensor(c.int('output_datatype', DataType.float), shape)];
};

export const signals: RuleTable = {
  DFT: dft,
  STFT: stft,
  BlackmanWindow: windowFunction,
  HammingWindow: windowFunction,
  HannWindow: windowFunction,
  MelWeightMatrix: melWeightMatrix,
};
