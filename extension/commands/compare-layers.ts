/** "Where Does the Error Start": values inside of both models compared on the data of the last check. */
import { l10n } from 'vscode';
import type { LayerErrorsView } from '../../src/protocol.ts';
import type { LayersReport } from '../../src/runtime/index.ts';
import { showEditor } from '../apply-edit.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import type { QueryAnswer } from '../session/protocol.ts';
import { targetModel } from '../target.ts';
import { outputView } from '../views/check-view.ts';
import { askAgainst, askRun, givenCheck } from './ask-check.ts';
import { lastPlan, type CheckPlan } from './check.ts';
import { withModelFiles } from './check-files.ts';
import type { Command } from './command.ts';
import { otherDims } from './other-dims.ts';
import { withRunProgress } from './run-progress.ts';

export const compareLayers: Command = {
  id: 'vramLens.compareLayers',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    // refused here already where the workspace is not trusted
    const runner = await services.runner.runner();
    return services.documents.use(uri, async (document) => {
      const last = (await givenCheck(document, given)) ?? lastPlan(document);
      const against = document.hasEdits ? { uri: undefined } : await againstOf(document, last);
      if (against === undefined) return undefined;
      const run = last ?? (await askRun(services, document));
      if (run === undefined) return undefined;
      const plan: CheckPlan = { ...run, batchSizes: [1], against: against.uri };
      await showEditor(services, uri);
      const { ep, data } = plan;
      const report = await withRunProgress(
        l10n.t('Comparing the layers of {0} with the original’s', document.fileName),
        (options) =>
          withModelFiles(document, plan, options.signal, async (files, warnings) => {
            const report = await runner.compareLayers(
              { ...files, ...otherDims(document), ep, data },
              options,
            );
            return { ...report, warnings: [...warnings, ...report.warnings] };
          }),
      );
      const view = layerErrorsView(await document.ask('layerNames'), ep, report);
      for (const page of services.editors.pagesOf(document)) page.showLayerErrors(view);
      return view;
    });
  },
};

async function againstOf(document: OnnxDocument, last: CheckPlan | undefined) {
  return last?.against === undefined ? askAgainst(document, { isAlone: false }) : { uri: last.against };
}

function layerErrorsView(
  layerOf: QueryAnswer<'layerNames'>,
  ep: string,
  report: LayersReport,
): LayerErrorsView {
  return {
    ep,
    data: localize(report.data),
    warnings: report.warnings.map(localize),
    layers: report.layers.map((l) => {
      const { sqnrDb, cosine, maxAbsError } = outputView(l);
      const layer = layerOf.get(l.node);
      return {
        value: l.output,
        layerId: layer?.id ?? l.node,
        name: layer?.name ?? l.node,
        opType: l.opType,
        ...{ sqnrDb, cosine, maxAbsError },
      };
    }),
  };
}
