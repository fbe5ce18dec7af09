/** Which execution provider a model is run on: what each does on this machine is seen in the list. */
import { commands, l10n, ProgressLocation, QuickPickItemKind, window, type QuickPickItem } from 'vscode';
import type { EpName } from '../../src/analysis/index.ts';
import type { EpStatus } from '../../src/runtime/index.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import type { Services } from '../services.ts';
import { settings } from '../settings.ts';

interface Item extends QuickPickItem {
  readonly status?: EpStatus;
}

/** undefined where the person gave up. Choosing one that does not work here says why, and asks again. */
export async function askEp(services: Services, document: OnnxDocument): Promise<EpName | undefined> {
  for (;;) {
    const chosen = await window.showQuickPick(items(await probe(services), document), {
      title: l10n.t('Run on which execution provider?'),
      matchOnDescription: true,
    });
    if (chosen?.status === undefined) return undefined;
    const { ep, available, detail } = chosen.status;
    if (available) return ep;
    if (isInstallable(chosen.status)) await commands.executeCommand('vramLens.installCuda');
    else void window.showWarningMessage(l10n.t('{0} does not work here: {1}', ep, localize(detail)));
  }
}

function probe(services: Services): Thenable<readonly EpStatus[]> {
  return window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t('Looking for what this machine can run models on'),
      cancellable: true,
    },
    (_progress, token) =>
      withSignal(token, async (signal) => {
        const statuses = await (await services.runner.runner()).probeEps({ signal });
        services.processor.learn(statuses);
        return statuses;
      }),
  );
}

function items(statuses: readonly EpStatus[], document: OnnxDocument): Item[] {
  const usable = statuses.filter((s) => s.available);
  const others = statuses.filter((s) => !s.available);
  const preferred = usable.some((s) => s.ep === document.options.ep) ? document.options.ep : settings.ep;
  return [
    { label: l10n.t('works here'), kind: QuickPickItemKind.Separator },
    ...[...usable]
      .sort((a, b) => Number(b.ep === preferred) - Number(a.ep === preferred))
      .map((status) => ({ label: status.ep, description: localize(status.detail), status })),
    { label: l10n.t('does not work here'), kind: QuickPickItemKind.Separator },
    ...others.map((status) => ({
      label: `$(circle-slash) ${status.ep}`,
      description: localize(status.detail),
      ...(isInstallable(status) ? { detail: l10n.t('Choose it to install CUDA support') } : {}),
      status,
    })),
  ];
}

/** ONNX Runtime's own files are what can be fetched; drivers are the system's. */
function isInstallable({ ep, detail, isInBuild }: EpStatus): boolean {
  const isCuda = ep === 'cuda' || ep === 'tensorrt';
  return isCuda && isInBuild !== false && detail.includes('not installed beside ONNX Runtime');
}
