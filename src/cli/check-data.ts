/** The options of `check` that say where samples come from, for every kind of data. */
import { Option, type Command } from 'commander';
import {
  guessDataKind,
  type BatchAxes,
  type BoxFormat,
  type BoxOutputs,
  type BoxRole,
  type DataKind,
  type DataSpec,
  type ImagePreparation,
} from '../runtime/index.ts';
import { UsageError } from './failure.ts';
import { parsePositiveInteger } from './options.ts';

export interface DataFlags {
  readonly data?: string;
  readonly dataKind?: DataKind;
  readonly samples?: number;
  readonly map?: Readonly<Record<string, string>>;
  readonly batchAxis?: BatchAxes;
  readonly labels?: string;
  readonly labelColumn?: string;
  readonly tokenizer?: string;
  readonly column?: string;
  readonly pairColumn?: string;
  readonly sampleRate?: number;
  readonly resize?: ImagePreparation['resize'];
  readonly cropShare?: number;
  readonly colours?: ImagePreparation['colours'];
  readonly scale?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly mapOutput?: Partial<Record<BoxRole, string>>;
  readonly boxFormat?: BoxFormat;
  readonly boxScale?: BoxOutputs['scale'];
  readonly boxClasses?: BoxOutputs['classes'];
  readonly objectness?: boolean;
  readonly nms?: number | false;
}

const kinds: readonly DataKind[] = ['numpy', 'onnxTests', 'images', 'audio', 'text', 'table'];
/** Enough for a mean, few enough for a model that takes a second. */
const defaultSamples = 64;

export function withDataOptions(command: Command): Command {
  return withInputOptions(command)
    .option(
      '--data <path>',
      'samples: .npz, .npy, a folder of images, .wav files or test_data_set_*, .csv, .jsonl, .parquet, .txt (default: random inputs)',
    )
    .addOption(
      new Option('--data-kind <kind>', 'what --data is, where its name does not tell').choices(kinds),
    )
    .option(
      '--samples <n>',
      `how many samples to run (default: all of the data, or ${defaultSamples} random ones)`,
      (t) => parsePositiveInteger('--samples', t),
    )
    .option('--labels <path>', 'labels of images: a table of file and label, COCO JSON, or a folder of masks')
    .option('--label-column <name>', 'the column of classes in a table')
    .option('--tokenizer <file>', 'tokenizer.json: makes text of a table')
    .option('--column <name>', 'the column of text')
    .option('--pair-column <name>', 'the column of the second text')
    .option('--sample-rate <hz>', 'of audio, as the model expects it (default: 16000)', (t) =>
      parsePositiveInteger('--sample-rate', t),
    )
    .addOption(new Option('--resize <how>', 'images to size').choices(['crop', 'stretch', 'letterbox']))
    .option(
      '--crop-share <share>',
      'of crop: how much of the shorter side is kept, e.g. 0.875',
      number('--crop-share'),
    )
    .addOption(new Option('--colours <order>', 'of images').choices(['rgb', 'bgr']))
    .option('--scale <factor>', 'of values 0..255 (default: 1/255 for float inputs)', number('--scale'))
    .option(
      '--mean <values>',
      'taken from each channel after --scale, e.g. 0.485,0.456,0.406',
      numbers('--mean'),
    )
    .option('--std <values>', 'each channel is divided by, e.g. 0.229,0.224,0.225', numbers('--std'))
    .option(
      '--map-output <role=output>',
      `which output holds a detector's ${boxRoles.join(', ')} (all in one); repeat for several`,
      collectOutputs,
    )
    .addOption(new Option('--box-format <format>', 'of the boxes found').choices(['xyxy', 'xywh', 'cxcywh']))
    .addOption(new Option('--box-scale <scale>', 'of the boxes found').choices(['pixels', 'normalised']))
    .addOption(
      new Option('--box-classes <how>', 'numbers are ids of the labels, or count them in order').choices([
        'ids',
        'order',
      ]),
    )
    .option('--objectness', 'a score for anything at all stands before those of the classes')
    .option('--no-objectness', 'none does')
    .option(
      '--nms <overlap>',
      'drop the less sure of two boxes that overlap by more, e.g. 0.7; off where the model does',
      nms,
    );
}

/** What data feed which input, and where in it the samples lie. */
export function withInputOptions(command: Command): Command {
  return command
    .option(
      '--map <input=field>',
      'what feeds an input: an array or field, zeros or random; repeat',
      collectMap,
    )
    .option(
      '--batch-axis <input=axis>',
      'where the samples of an input lie, if its dims do not tell, e.g. h=1; none: all share its value; repeat',
      collectAxis,
    );
}

export async function dataSpec(flags: DataFlags, batchSizes: readonly number[]): Promise<DataSpec> {
  if (flags.data === undefined) {
    const samples = Math.max(flags.samples ?? defaultSamples, ...batchSizes);
    return { kind: 'random', seed: 0, samples, batchAxes: flags.batchAxis };
  }
  const kind = flags.dataKind ?? (await guessDataKind(flags.data, flags.tokenizer !== undefined));
  const { data: file, samples: limit, map: inputs, batchAxis: batchAxes } = flags;
  const common = { path: file, limit, inputs, batchAxes };
  switch (kind) {
    case 'numpy':
    case 'onnxTests':
      return { kind, ...common };
    case 'images': {
      const { resize, cropShare, colours, scale, mean, std, labels } = flags;
      const image = { resize, cropShare, colours, scale, mean, std };
      return { kind, ...common, labels, image, boxes: boxOutputs(flags) };
    }
    case 'audio':
      return { kind, ...common, sampleRate: flags.sampleRate };
    case 'text': {
      const { tokenizer, column, pairColumn, labelColumn } = flags;
      if (tokenizer === undefined) throw new UsageError('text needs --tokenizer tokenizer.json');
      return { kind, ...common, tokenizer, column, pairColumn, labelColumn };
    }
    case 'table':
      return { kind, ...common, labelColumn: flags.labelColumn };
  }
}

function collectMap(text: string, previous: Record<string, string> | undefined): Record<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new UsageError(`--map expects input=field, got "${text}"`);
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

function collectAxis(text: string, previous: BatchAxes | undefined): BatchAxes {
  const at = text.lastIndexOf('=');
  const axis = text.slice(at + 1);
  if (at < 1 || !/^(?:\d+|none)$/.test(axis))
    throw new UsageError(`--batch-axis expects input=axis or input=none, got "${text}"`);
  return { ...previous, [text.slice(0, at)]: axis === 'none' ? null : Number(axis) };
}

const boxRoles: readonly BoxRole[] = ['boxes', 'scores', 'labels', 'detections'];

function collectOutputs(
  text: string,
  previous: Partial<Record<BoxRole, string>> | undefined,
): Partial<Record<BoxRole, string>> {
  const at = text.indexOf('=');
  const role = boxRoles.find((r) => r === text.slice(0, at));
  if (role === undefined || at === text.length - 1)
    throw new UsageError(
      `--map-output expects one of ${boxRoles.join(', ')}, = and an output, got "${text}"`,
    );
  return { ...previous, [role]: text.slice(at + 1) };
}

function nms(text: string): number | false {
  if (text === 'off') return false;
  const overlap = number('--nms')(text);
  if (overlap <= 0 || overlap > 1) throw new UsageError(`--nms: expected off or 0 to 1, got "${text}"`);
  return overlap;
}

function boxOutputs(flags: DataFlags): BoxOutputs | undefined {
  const { mapOutput, boxFormat, boxScale, boxClasses, objectness, nms: overlap } = flags;
  const given = {
    ...{ outputs: mapOutput, format: boxFormat, scale: boxScale, classes: boxClasses },
    ...{ hasObjectness: objectness, nms: overlap },
  };
  return Object.values(given).every((v) => v === undefined) ? undefined : given;
}

function number(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) {
      throw new UsageError(`${option}: expected a number, got "${text}"`);
    }
    return value;
  };
}

function numbers(option: string): (text: string) => number[] {
  return (text) => text.split(',').map(number(option));
}
