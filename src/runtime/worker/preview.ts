/** The first samples of the data, read as a run would, and described. ONNX Runtime is not loaded. */
import { openModel } from '../../onnx/index.ts';
import { halfToNumber } from '../../onnx/index.ts';
import { openData } from '../data/open.ts';
import type { Batch, HostTensor, Target } from '../data/source.ts';
import { planInputs, type InputPlan } from '../inputs.ts';
import type { PreviewJob } from '../messages.ts';
import { modelInputs } from '../model-inputs.ts';
import type { DataPreview, InputPreview } from '../types.ts';

/** Values handed on of one input: an image of 147 × 147 in three channels, or all of most others. */
const maxValues = 65_536;

export async function previewData(job: PreviewJob): Promise<DataPreview> {
  const model = await openModel(job.model);
  try {
    const plan = planInputs(modelInputs(model), { ...job, batchSize: job.samples, acceptFixedBatch: true });
    const data = await openData(job.data, plan, job.hints);
    try {
      const first = await data.batches().next();
      const batch: Batch = first.done === true ? { count: 0, feeds: {}, labels: undefined } : first.value;
      return {
        description: data.description,
        samples: data.samples,
        hasLabels: data.hasLabels,
        inputs: inputPreviews(plan, batch, data.fedBy),
        boxesIn: batch.targets?.[0]?.kind === 'boxes' ? model.graph.outputs.map((o) => o.name) : undefined,
        labels: batch.targets?.map(describeTarget) ?? batch.labels?.map(String) ?? [],
        warnings: [...plan.warnings, ...data.warnings],
      };
    } finally {
      data.close();
    }
  } finally {
    await model.source.close();
  }
}

function inputPreviews(plan: InputPlan, batch: Batch, fedBy: ReadonlyMap<string, string>): InputPreview[] {
  return plan.inputs.flatMap(({ name, batchAxis }) => {
    const tensor = batch.feeds[name];
    return tensor === undefined ? [] : [{ name, batchAxis, fedBy: fedBy.get(name), ...describe(tensor) }];
  });
}

function describe({ type, dims, data }: HostTensor): Omit<InputPreview, 'name' | 'batchAxis' | 'fedBy'> {
  const toNumber = (v: number | bigint) => (type === 'float16' ? halfToNumber(Number(v)) : Number(v));
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const raw of data) {
    const v = toNumber(raw);
    if (v < min) min = v;
    if (v > max) max = v;
    sum += v;
  }
  const values = Float64Array.from(data.subarray(0, maxValues), toNumber);
  const isEmpty = data.length === 0;
  return {
    type,
    dims,
    min: isEmpty ? 0 : min,
    max: isEmpty ? 0 : max,
    mean: isEmpty ? 0 : sum / data.length,
    values,
  };
}

function describeTarget(target: Target): string {
  switch (target.kind) {
    case 'class':
      return String(target.value);
    case 'tensor':
      return `${target.tensor.type} [${target.tensor.dims.join(', ')}]`;
    case 'boxes':
      return `${target.boxes.length} boxes`;
    case 'tokens':
      return `${target.next.filter((t) => t >= 0).length} tokens`;
  }
}
