/** Opens what a request names as its data. */
import type { InputPlan } from '../inputs.ts';
import { audioSamples } from './audio.ts';
import { imageSamples } from './image/images.ts';
import { numpySource } from './numpy.ts';
import { onnxTestSamples } from './onnx-tests.ts';
import { randomSource, withZeros, type RandomHints } from './random.ts';
import { sampleSource, type SampleSet } from './samples.ts';
import type { DataSource } from './source.ts';
import type { DataSpec } from './spec.ts';
import { tableSamples } from './table.ts';
import { textSamples } from './text.ts';

/** RunnerError 'data' where the data do not fit the inputs. */
export async function openData(
  spec: DataSpec,
  plan: InputPlan,
  given: RandomHints = {},
): Promise<DataSource> {
  const hints = spec.kind === 'random' ? given : withZeros(given, spec.inputs);
  switch (spec.kind) {
    case 'random':
      return randomSource(spec, plan, hints);
    case 'numpy':
      return numpySource(spec, plan, hints);
    default:
      return sampleSource(await openSamples(spec, plan), plan, hints, spec.limit);
  }
}

function openSamples(
  spec: Exclude<DataSpec, { kind: 'random' | 'numpy' }>,
  plan: InputPlan,
): Promise<SampleSet> {
  switch (spec.kind) {
    case 'onnxTests':
      return onnxTestSamples(spec, plan);
    case 'images':
      return imageSamples(spec, plan);
    case 'audio':
      return audioSamples(spec, plan);
    case 'text':
      return textSamples(spec, plan);
    case 'table':
      return tableSamples(spec, plan);
  }
}
