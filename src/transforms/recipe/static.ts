import { boolean, oneOf, optional, RecipeError, share, show, type Json } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

export const ACTIVATION_TYPES = ['uint8', 'int8', 'uint16', 'int16'] as const;
export type ActivationType = (typeof ACTIVATION_TYPES)[number];

/** How an activation's range is found in what calibration data gave. */
export const RANGE_METHODS = ['minmax', 'entropy', 'percentile', 'mse'] as const;
export type RangeMethod = (typeof RANGE_METHODS)[number];

/** As in ONNX Runtime's tools: 1 of 100,000 values is cut off. */
export const DEFAULT_PERCENTILE = 99.999;

/** Static quantization as ONNX Runtime's `quantize_static` makes it: activations have scales found by calibration. */
export interface StaticEdit {
  readonly type: 'quantize';
  readonly layers: LayerSelector;
  readonly form: 'static';
  /** Q/DQ pairs around float operators, which execution providers fuse; or the integer operators themselves. */
  readonly format: 'qdq' | 'qoperator';
  readonly activationType: ActivationType;
  readonly weightType: 'int8' | 'uint8';
  /** One scale for a weight, or one per output channel. */
  readonly granularity: 'per-tensor' | 'per-channel';
  readonly range: RangeMethod;
  /** For `percentile`: percent of the magnitudes that lie in the range; 99.999 where left out. */
  readonly percentile?: number | undefined;
  /** Activations' ranges are ±max, their zero point is the middle of the integers. */
  readonly isSymmetric: boolean;
  /** Weights in 7 bits instead of 8: avoids saturation on x86 without VNNI. */
  readonly reduceRange?: boolean | undefined;
  /** SmoothQuant's alpha, 0..1: how much of the activations' outliers moves into the weights of MatMul and Gemm. */
  readonly smoothQuant?: number | undefined;
  /** Cross-layer equalisation of Convs and Gemms that follow each other. */
  readonly equalize?: boolean | undefined;
  /** Biases make up for the mean error that rounding the weights brings. */
  readonly biasCorrection?: boolean | undefined;
}

export const staticForm: EditCodec<StaticEdit> = {
  parse: (edit, field) => {
    const parsed: StaticEdit = {
      type: 'quantize',
      layers: parseSelector(edit['layers'], `${field}.layers`),
      form: 'static',
      format: oneOf(edit['format'], `${field}.format`, ['qdq', 'qoperator']),
      activationType: oneOf(edit['activationType'], `${field}.activationType`, ACTIVATION_TYPES),
      weightType: oneOf(edit['weightType'], `${field}.weightType`, ['int8', 'uint8']),
      granularity: oneOf(edit['granularity'], `${field}.granularity`, ['per-tensor', 'per-channel']),
      range: oneOf(edit['range'], `${field}.range`, RANGE_METHODS),
      isSymmetric: boolean(edit['isSymmetric'], `${field}.isSymmetric`),
      ...optional(edit, 'percentile', field, percent),
      ...optional(edit, 'reduceRange', field, boolean),
      ...optional(edit, 'smoothQuant', field, share),
      ...optional(edit, 'equalize', field, boolean),
      ...optional(edit, 'biasCorrection', field, boolean),
    };
    refuseCombinations(parsed, edit, field);
    return parsed;
  },
  describe: (edit) => {
    const types = `${edit.activationType} activations and ${edit.weightType} weights`;
    const range = edit.range === 'minmax' ? 'min–max' : edit.range;
    const extras = [
      edit.isSymmetric ? 'symmetric' : '',
      edit.reduceRange === true ? '7 bits' : '',
      edit.smoothQuant === undefined ? '' : `SmoothQuant ${edit.smoothQuant}`,
      edit.equalize === true ? 'equalized' : '',
      edit.biasCorrection === true ? 'biases corrected' : '',
    ].filter((text) => text !== '');
    const format = edit.format === 'qdq' ? 'QDQ' : 'QOperator';
    const how = [`static ${types} (${format})`, edit.granularity.replace('-', ' '), `${range} ranges`];
    return `${[...how, ...extras].join(', ')}, of ${describeLayers(edit.layers)}`;
  },
};

function percent(json: unknown, field: string): number {
  if (typeof json !== 'number' || !(json > 0 && json <= 100)) {
    throw new RecipeError(field, `expected a number above 0, up to 100, got ${show(json)}`);
  }
  return json;
}

/** What ONNX Runtime has no kernels for, or what would have no effect. */
function refuseCombinations(edit: StaticEdit, json: Json, field: string): void {
  if (edit.activationType === 'int8' && edit.weightType === 'uint8') {
    throw new RecipeError(`${field}.weightType`, 'int8 activations need int8 weights');
  }
  if (edit.format === 'qoperator' && edit.activationType.endsWith('16')) {
    throw new RecipeError(`${field}.activationType`, 'integer operators take 8-bit activations only');
  }
  if (edit.range !== 'percentile' && 'percentile' in json) {
    throw new RecipeError(`${field}.percentile`, 'goes with "range": "percentile" only');
  }
}
