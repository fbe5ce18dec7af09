/** Entry of the extension host: makes what the parts share, and registers them. Only this file knows them all. */
import { l10n, Uri, window, type ExtensionContext } from 'vscode';
import { ActiveDocument } from './active-document.ts';
import { CheckHistory } from './check-history.ts';
import { KernelTimes } from './kernel-times.ts';
import { CheckItem } from './check-item.ts';
import { CheckStates } from './check-states.ts';
import { commandList } from './commands/index.ts';
import { registerCommand } from './commands/command.ts';
import { Devices } from './devices.ts';
import { Documents } from './document/documents.ts';
import { SessionClient } from './document/session-client.ts';
import { OnnxEditorProvider } from './editor/provider.ts';
import { ViewStates } from './editor/view-state.ts';
import { ScmDiffs } from './editor/scm-diff.ts';
import { disposeLog, log } from './log.ts';
import { ModelsView } from './models-view.ts';
import { Processor } from './processor.ts';
import { RunnerClient } from './runner-client.ts';
import { StatusItem } from './status-item.ts';
import type { Services } from './services.ts';
import { languageFeatures } from './text/language-features.ts';
import { TextViews } from './text/text-views.ts';
import { chatTools } from './tools/index.ts';
import { publicApi, type PublicApi } from './public-api.ts';

export function activate(context: ExtensionContext): PublicApi {
  try {
    const services = createServices(context);
    const active = new ActiveDocument(services.documents);
    context.subscriptions.push(
      services.documents,
      services.runner,
      services.editors,
      services.texts,
      languageFeatures(services),
      chatTools(services),
      services.checkStates,
      active,
      new StatusItem(active),
      new CheckItem(active, services.checkStates),
      new ScmDiffs(),
      new ModelsView(services),
      ...commandList.map((command) => registerCommand(services, command)),
    );
    return publicApi(services);
  } catch (error) {
    // VS Code shows such an error nowhere
    log().error('Activation failed:', error);
    void window.showErrorMessage(l10n.t('VRAM Lens could not be started: {0}', String(error)));
    throw error;
  }
}

export function deactivate(): void {
  disposeLog();
}

function createServices(context: ExtensionContext): Services {
  const runner = new RunnerClient(context);
  const script = Uri.joinPath(context.extensionUri, 'dist', 'session-worker.cjs').fsPath;
  const sessions = new SessionClient(script);
  context.subscriptions.push(sessions);
  const documents = new Documents(sessions, () => runner.options());
  const processor = new Processor(runner, sessions);
  documents.onOpen(() => void processor.known());
  const devices = new Devices();
  const viewStates = new ViewStates(context.workspaceState);
  const checks = new CheckHistory(context.workspaceState);
  const kernelTimes = new KernelTimes(context.workspaceState);
  const checkStates = new CheckStates(checks);
  const host = { devices, viewStates, checks, kernelTimes, processor, runner: () => runner.options() };
  const editors = new OnnxEditorProvider(documents, context.extensionUri, host);
  const texts = new TextViews(documents);
  return { context, documents, devices, editors, texts, runner, processor, checks, kernelTimes, checkStates };
}
