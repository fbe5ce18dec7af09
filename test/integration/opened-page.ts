/** A page on the host's side of the editor, over a port in memory, for the tests of what it asks and is told. */
import type * as vscode from 'vscode';
import { CheckHistory } from '../../extension/check-history.ts';
import { Devices } from '../../extension/devices.ts';
import { OnnxDocument } from '../../extension/document/onnx-document.ts';
import { ViewStates } from '../../extension/editor/view-state.ts';
import { WebviewHost } from '../../extension/editor/webview-host.ts';
import { KernelTimes } from '../../extension/kernel-times.ts';
import type { HostApi, WebviewApi } from '../../src/protocol.ts';
import { createPeer } from '../../src/rpc.ts';
import { inWorkspace, noRunner, processor, sessions } from './host.ts';
import { channel, memento, Page } from './page.ts';

export const fc1 = '/fc1/Gemm';
export const fc2 = '/fc2/Gemm';
export const conv = '/f/f.3/f.3.0/Conv';
export const int8 = { form: 'dynamic-int8', granularity: 'per-channel', weights: 'usual' } as const;

/** One document, and a page of it as it is after loading. */
export class OpenedPage {
  readonly document: OnnxDocument;
  readonly viewStates = new ViewStates(memento());
  readonly checks = new CheckHistory(memento());
  readonly kernelTimes = new KernelTimes(memento());
  readonly page: Page;
  /** What the page asks. */
  readonly host: HostApi;
  readonly webviewHost: WebviewHost;

  private constructor(document: OnnxDocument) {
    this.document = document;
    ({ page: this.page, host: this.host, webviewHost: this.webviewHost } = this.another());
  }

  static async open(uri: vscode.Uri): Promise<OpenedPage> {
    const document = await OnnxDocument.open(uri, {
      sessions,
      ep: 'cpu',
      optimization: 'all',
      batchSize: 1,
      runner: noRunner,
    });
    return new OpenedPage(document);
  }

  /** Another page of the same document; whoever asks for it disposes its host. */
  another(): { readonly page: Page; readonly host: HostApi; readonly webviewHost: WebviewHost } {
    const [a, b] = channel();
    const { viewStates, checks, kernelTimes } = this;
    const services = { devices: new Devices(), viewStates, checks, kernelTimes, processor, runner: noRunner };
    const webviewHost = new WebviewHost(a, this.document, services);
    const page = new Page();
    return { page, host: createPeer<WebviewApi, HostApi>(b, page).remote, webviewHost };
  }

  dispose(): void {
    this.webviewHost.dispose();
    this.document.dispose();
  }
}

/** Opens the sample before each test of the suite, and gives what is open now. */
export function eachOnSample(): () => OpenedPage {
  let opened: OpenedPage;
  beforeEach(async () => {
    opened = await OpenedPage.open(inWorkspace('fmnist_cnn.onnx'));
  });
  afterEach(() => opened.dispose());
  return () => opened;
}
