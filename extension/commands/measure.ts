/** "Measure on This Machine": one run at the chosen dims and EP, beside what was predicted for it. */
import { l10n, window } from 'vscode';
import type { EpName } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import type { MeasurementView } from '../../src/protocol.ts';
import type { ModelProfile } from '../../src/runtime/index.ts';
import { showEditor } from '../apply-edit.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import type { Services } from '../services.ts';
import type { QueryAnswer } from '../session/protocol.ts';
import { targetModel } from '../target.ts';
import { askEp } from './ask-ep.ts';
import { withModelFiles } from './check-files.ts';
import type { Command } from './command.ts';
import { withRunProgress } from './run-progress.ts';

export const measure: Command = {
  id: 'vramLens.measure',
  run: async (services, argument) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    // refused here already where the workspace is not trusted
    const runner = await services.runner.runner();
    return services.documents.use(uri, async (document) => {
      const ep = await runnableEp(services, document);
      if (ep === undefined) return undefined;
      const { dims, optimization } = document.options;
      const profile = await withRunProgress(l10n.t('Measuring {0}', document.fileName), (options) =>
        withChangedModel(document, options.signal, (file) =>
          runner.profile(file, { ...options, ep, dims, optimization }),
        ),
      );
      const view = measurementView(await document.ask('peaksAt', dims, ep), ep, dims, profile);
      await showEditor(services, uri);
      for (const page of services.editors.pagesOf(document)) page.showMeasurement(view);
      void window.showInformationMessage(measuredText(view));
      return view;
    });
  },
};

/** The EP that figures are shown for where it works here, else one that the person chooses. */
export async function runnableEp(services: Services, document: OnnxDocument): Promise<EpName | undefined> {
  const { ep } = document.options;
  if (ep === 'cpu') return ep;
  const statuses = await (await services.runner.runner()).probeEps();
  services.processor.learn(statuses);
  return statuses.some((s) => s.ep === ep && s.available) ? ep : askEp(services, document);
}

/** The model as it is edited, in a file. */
export function withChangedModel<T>(
  document: OnnxDocument,
  signal: AbortSignal,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const plan = { batchSizes: [], ep: 'cpu', data: { kind: 'random', seed: 0, samples: 1 } } as const;
  return withModelFiles(document, plan, signal, ({ compressed }) => work(compressed));
}

function measurementView(
  { changed: predicted }: QueryAnswer<'peaksAt'>,
  ep: EpName,
  dims: Readonly<Record<string, number>>,
  profile: ModelProfile,
): MeasurementView {
  const { peakBytes, source, isArena } = measuredPeak(ep, profile);
  return {
    ep,
    dims,
    peakBytes,
    source: localize(source),
    // the arena holds less than the process
    predictedBytes: isArena ? predicted.arenaBytes : predicted.heldBytes,
    processBytes: profile.processPeakBytes,
    nodes: profile.nodes.length,
    milliseconds: profile.nodes.reduce((sum, n) => sum + n.durationMs, 0),
    placement: profile.placement,
  };
}

function measuredPeak(ep: EpName, { gpuPeakBytes, gpuPeakSource, ...profile }: ModelProfile) {
  if (gpuPeakBytes !== undefined)
    return { peakBytes: gpuPeakBytes, source: gpuPeakSource ?? '', isArena: false };
  const [arena] = profile.memInUsePeakBytes;
  if (ep === 'cpu' && arena !== undefined)
    return { peakBytes: arena, source: 'ORT arena (mem_in_use_peak)', isArena: true };
  return { peakBytes: profile.processPeakBytes, source: 'process memory growth', isArena: false };
}

function measuredText({ ep, peakBytes, predictedBytes, source }: MeasurementView): string {
  const text = (bytes: number | undefined) => (bytes === undefined ? l10n.t('unknown') : formatBytes(bytes));
  return l10n.t(
    'On {0}: measured {1} ({2}), predicted {3}.',
    ep,
    text(peakBytes),
    source,
    text(predictedBytes),
  );
}
