/** "Check Accuracy…": original and changed model in a child process, over batch sizes, on random inputs or data. */
import { l10n, window, type Uri } from 'vscode';
import type { EpName } from '../../src/analysis/index.ts';
import type { CheckReport, CheckRequest, DataSpec } from '../../src/runtime/index.ts';
import { showEditor } from '../apply-edit.ts';
import { recipeKey, type KeptCheck } from '../check-history.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { Services } from '../services.ts';
import { targetModel } from '../target.ts';
import { checkLabel } from '../views/check-status.ts';
import { checkView } from '../views/check-view.ts';
import { askCheck, givenCheck } from './ask-check.ts';
import { withModelFiles } from './check-files.ts';
import type { Command } from './command.ts';
import { checkSummary } from './check-summary.ts';
import { otherDims } from './other-dims.ts';
import { withRunProgress } from './run-progress.ts';

/** What a person chooses. */
export interface CheckPlan {
  readonly batchSizes: readonly number[];
  readonly ep: EpName;
  readonly data: DataSpec;
  /** Another file to compare with, where the document has no edits of its own. */
  readonly against?: Uri | undefined;
}

const plans = new WeakMap<OnnxDocument, CheckPlan>();

/** What the document was checked with last in this session. */
export function lastPlan(document: OnnxDocument): CheckPlan | undefined {
  return plans.get(document);
}

export const checkAccuracy: Command = {
  id: 'vramLens.checkAccuracy',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    // refused here already where the workspace is not trusted
    const runner = await services.runner.runner();
    return services.documents.use(uri, async (document) => {
      const plan = (await givenCheck(document, given)) ?? (await askCheck(services, document));
      if (plan === undefined) return undefined;
      plans.set(document, plan);
      const { edits } = document.recipe;
      const label = checkLabel(edits, plan.against);
      const done = await services.checkStates.track(uri, label, async (tracked) => {
        const report = await withRunProgress(
          l10n.t('Checking {0}', document.fileName),
          (options) =>
            withModelFiles(document, plan, options.signal, async (files, warnings) => {
              const report = await runner.check(await checkRequest(document, plan, files), options);
              return { ...report, warnings: [...warnings, ...report.warnings] };
            }),
          tracked,
        );
        const { optimization } = document.options;
        await services.kernelTimes.keep(uri, report, { ...otherDims(document), optimization });
        // of the report as it was made: what is kept is shortened
        return { report, check: await services.checks.add(uri, report, { label, recipe: recipeKey(edits) }) };
      });
      await showReport(services, document, done);
      return done.report;
    });
  },
};

async function checkRequest(
  document: OnnxDocument,
  plan: CheckPlan,
  files: { readonly original: string; readonly compressed: string },
): Promise<CheckRequest> {
  const at = otherDims(document);
  return {
    ...files,
    ...at,
    ep: plan.ep,
    batchSizes: plan.batchSizes,
    data: plan.data,
    optimization: document.options.optimization,
    predicted: plan.against === undefined ? await predictions(document, plan) : undefined,
  };
}

/** What we say each run will hold, to be seen beside what it held. */
async function predictions(document: OnnxDocument, plan: CheckPlan): Promise<CheckRequest['predicted']> {
  const found = plan.batchSizes.map(async (size) => {
    const dims = Object.fromEntries(document.batchSymbols.map((name) => [name, size]));
    const { original, changed: compressed } = await document.ask('peaksAt', dims, plan.ep);
    return [size, { original, compressed }] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

async function showReport(
  services: Services,
  document: OnnxDocument,
  { report, check }: { readonly report: CheckReport; readonly check: KeptCheck },
): Promise<void> {
  await showEditor(services, document.uri);
  const view = checkView(check);
  for (const page of services.editors.pagesOf(document)) page.showCheck(view);
  const { message, isGood } = checkSummary(report);
  void (isGood ? window.showInformationMessage(message) : window.showWarningMessage(message));
}
