/** What the parts of the extension share; made once, at activation. */
import type { ExtensionContext } from 'vscode';
import type { CheckHistory } from './check-history.ts';
import type { CheckStates } from './check-states.ts';
import type { Devices } from './devices.ts';
import type { Documents } from './document/documents.ts';
import type { OnnxEditorProvider } from './editor/provider.ts';
import type { KernelTimes } from './kernel-times.ts';
import type { Processor } from './processor.ts';
import type { RunnerClient } from './runner-client.ts';
import type { TextViews } from './text/text-views.ts';

export interface Services {
  readonly context: ExtensionContext;
  readonly documents: Documents;
  readonly devices: Devices;
  readonly editors: OnnxEditorProvider;
  readonly texts: TextViews;
  readonly runner: RunnerClient;
  readonly processor: Processor;
  readonly checks: CheckHistory;
  readonly kernelTimes: KernelTimes;
  readonly checkStates: CheckStates;
}
