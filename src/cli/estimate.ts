/** `vram-lens estimate MODEL`: what each layer costs, and the peak, at chosen dims on a chosen EP. */
import path from 'node:path';
import { Command } from 'commander';
import { analyze, cardsThatFit, laterPeakBytes, largestBatch } from '../analysis/index.ts';
import type { Analysis, EstimateOptions, MemoryEstimate } from '../analysis/types.ts';
import { formatBytes, formatCount } from '../format.ts';
import { opsetVersion } from '../onnx/index.ts';
import {
  beyondInference,
  beyondJson,
  beyondLines,
  cardLines,
  withBeyondOptions,
  type Beyond,
  type BeyondFlags,
} from './beyond-inference.ts';
import { refuseUnknownDims, withModel } from './model.ts';
import { parseBudget, withEstimateOptions, type EstimateFlags } from './options.ts';
import { print, printJson } from './output.ts';
import { layerTable, totalsLines } from './report.ts';
import { colour } from './terminal.ts';

interface Flags extends EstimateFlags, BeyondFlags {
  readonly budget?: number;
}

export function estimateCommand(signal: AbortSignal): Command {
  return withBeyondOptions(withEstimateOptions(new Command('estimate')))
    .description('show what each layer costs in memory, and the peak')
    .argument('<model>', 'an .onnx file')
    .option('--budget <size>', 'device memory (8GiB, 512MiB): find the largest batch that fits', parseBudget)
    .action((file: string, flags: Flags) =>
      withModel(file, signal, (model) => {
        const analysis = analyze(model);
        const options = estimateOptions(analysis, flags);
        const beyond = beyondInference(analysis, flags, flags.dim);
        const estimate = analysis.estimate({ ...options, dims: beyond.dims, isRepeated: true });
        const peakBytes = peakInAll(estimate, beyond);
        const fit =
          flags.budget === undefined
            ? undefined
            : largestBatch(analysis, { ...estimate, budgetBytes: flags.budget });
        if (flags.json === true) {
          printJson({
            ...estimateJson(file, analysis, estimate),
            ...(fit === undefined ? {} : { budgetBytes: flags.budget, largestBatch: fit }),
            ...beyondJson(beyond),
            ...(flags.cards === true ? { cards: cardsThatFit(peakBytes) } : {}),
          });
          return;
        }
        const lines = [
          colour.bold(path.basename(file)) +
            colour.dim(
              `  ${formatCount(estimate.parameterCount)} parameters · opset ${String(opsetVersion(model) ?? 'unknown')} · ${estimate.ep}, optimization ${estimate.optimization}`,
            ),
          '',
          ...layerTable(estimate),
          '',
          ...totalsLines(estimate),
          ...beyondLines(beyond),
          ...(flags.cards === true ? ['', ...cardLines(peakBytes)] : []),
        ];
        if (flags.budget !== undefined && fit !== undefined) lines.push('', fitLine(fit, flags.budget));
        print(lines);
      }),
    );
}

/** Of training where it is asked for, else of the run that holds the most. */
function peakInAll(estimate: MemoryEstimate, { training }: Beyond): number {
  if (training !== undefined) return training.peak.bytes ?? 0;
  return Math.max(estimate.heldPeak.bytes ?? 0, laterPeakBytes(estimate) ?? 0);
}

export function estimateOptions(analysis: Analysis, flags: EstimateFlags): EstimateOptions {
  refuseUnknownDims(flags.dim, [analysis]);
  return { dims: flags.dim, ep: flags.ep, optimization: flags.opt };
}

/** The documented JSON of `estimate --json`; `activationBytes` is null where it is unknown. */
export function estimateJson(file: string, analysis: Analysis, estimate: MemoryEstimate) {
  return {
    file,
    opset: opsetVersion(analysis.model) ?? null,
    dims: estimate.dims,
    ep: estimate.ep,
    optimization: estimate.optimization,
    parameterBytes: estimate.parameterBytes,
    parameterCount: estimate.parameterCount,
    peakActivationBytes: estimate.peakActivation.bytes ?? null,
    totalPeakBytes: estimate.totalPeak.bytes ?? null,
    heldPeakBytes: estimate.heldPeak.bytes ?? null,
    laterPeakBytes: laterPeakBytes(estimate) ?? null,
    figures: {
      deviceWeights: estimate.deviceWeights,
      weightsBeside: estimate.weightsBeside,
      peakActivation: estimate.peakActivation,
      workspace: estimate.workspace,
      ...(estimate.keptBuffers && { keptBuffers: estimate.keptBuffers }),
      overhead: estimate.overhead,
      totalPeak: estimate.totalPeak,
      heldPeak: estimate.heldPeak,
    },
    nodes: estimate.nodes.map((n) => ({
      name: n.id,
      opType: n.opType,
      parameterBytes: n.parameterBytes,
      activationBytes: n.activationBytes ?? null,
      outputShape: n.outputShape ?? null,
      outputType: n.outputType ?? null,
      macs: n.macs ?? null,
    })),
    layers: estimate.layers.map((l) => ({
      id: l.id,
      name: l.name,
      opType: l.opType,
      nodes: l.nodes,
      parameterBytes: l.parameterBytes,
      activationBytes: l.activationBytes ?? null,
    })),
    peak: {
      node: estimate.timeline.nodes[estimate.timeline.peakStep] ?? null,
      tensors: estimate.timeline.peakTensors,
    },
    unknown: estimate.unknown,
  };
}

function fitLine(fit: ReturnType<typeof largestBatch>, budgetBytes: number): string {
  const budget = formatBytes(budgetBytes);
  switch (fit.kind) {
    case 'fits':
      return `${colour.green('fits')} in ${budget} up to batch ${colour.bold(String(fit.batch))} (${formatBytes(fit.heldPeakBytes)})`;
    case 'too-large':
      return `${colour.red('does not fit')} in ${budget} even at batch 1 (${formatBytes(fit.heldPeakBytes)})`;
    case 'unknown':
      return colour.yellow(`cannot tell whether it fits in ${budget}: ${fit.reason}`);
  }
}
