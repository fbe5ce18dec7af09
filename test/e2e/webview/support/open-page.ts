/**
 * Opens the built page in Chromium as VS Code would: its theme variables and body class, the extension's content
 * security policy, `acquireVsCodeApi`; behind the message port a host in this process. Nothing comes from a network.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { HostApi, Locale, PageInit, WebviewApi } from '../../../../src/protocol.ts';
import { createPeer, type Port } from '../../../../src/rpc.ts';
import { startBrowser } from '../../../support/vscode-browser.ts';
import { themes, type ThemeName } from './themes.ts';

const dist = path.resolve(import.meta.dirname, '../../../../dist/webview');
/** Never asked for: every request is answered here. Secure, as a webview is, for the clipboard. */
const origin = 'https://vram-lens.test';
const policy = [
  `default-src 'none'`,
  `script-src 'nonce-test'`,
  `style-src ${origin}`,
  `font-src ${origin}`,
  `img-src ${origin} data: blob:`,
  `worker-src blob:`,
].join('; ');

/** As text: functions that tsx compiled call helpers that the page has not. */
const vsCodeApi = `window.acquireVsCodeApi = () => ({ postMessage: (message) => void window.postToHost(message) });`;

export interface PageOptions {
  readonly theme?: ThemeName;
  readonly locale?: Locale;
  readonly viewState?: PageInit['viewState'];
  readonly width?: number;
  readonly height?: number;
}

export interface OpenPage {
  readonly page: Page;
  /** The page's own methods. */
  readonly remote: WebviewApi;
  /** Errors of the page, violations of its policy among them. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

let shared: Promise<Browser> | undefined;

/** One browser for all tests of the process; each page has a context of its own. */
function browser(): Promise<Browser> {
  shared ??= startBrowser().then((b) => b.browser);
  return shared;
}

export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = undefined;
}

export async function openPage(host: HostApi, options: PageOptions = {}): Promise<OpenPage> {
  if (!existsSync(path.join(dist, 'main.js')))
    throw new Error('dist/webview is not built; run `npm run build`.');
  const { width = 1280, height = 800, theme = 'dark' } = options;
  const context = await (
    await browser()
  ).newContext({
    viewport: { width, height },
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  const { port, receive } = pagePort(page);
  const peer = createPeer<HostApi, WebviewApi>(port, host);
  await page.exposeFunction('postToHost', receive);
  await page.addInitScript(vsCodeApi);
  await page.route(`${origin}/**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    if (name === '') return route.fulfill({ contentType: 'text/html', body: html(theme, options) });
    const file = path.join(dist, path.basename(name));
    return existsSync(file) ? route.fulfill({ path: file }) : route.fulfill({ status: 404 });
  });
  await page.goto(`${origin}/`);
  return {
    page,
    remote: peer.remote,
    errors,
    close: async () => {
      peer.dispose();
      await context.close();
    },
  };
}

function pagePort(page: Page): { readonly port: Port; readonly receive: (message: unknown) => void } {
  let handler: (message: unknown) => void = () => undefined;
  return {
    receive: (message) => handler(message),
    port: {
      post: (message) =>
        page.evaluate(`window.postMessage(${JSON.stringify(message)}, '*')`).then(
          () => true,
          () => false, // the page is gone
        ),
      listen: (listener) => {
        handler = listener;
        return () => {
          handler = () => undefined;
        };
      },
    },
  };
}

function html(theme: ThemeName, { locale = 'en', viewState = {} }: PageOptions): string {
  const init: PageInit = { locale, viewState };
  const { bodyClass } = themes[theme];
  return `<!DOCTYPE html>
<html lang="${locale}">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>VRAM Lens</title>
<link rel="stylesheet" href="${origin}/main.css">
</head>
<body class="${bodyClass}" data-init="${escapeHtml(JSON.stringify(init))}">
<script nonce="test">${setVariables(theme)}</script>
<script nonce="test" src="${origin}/main.js"></script>
</body>
</html>`;
}

/** VS Code, too, sets them by script: the policy allows no inline style. */
function setVariables(theme: ThemeName): string {
  const { variables } = themes[theme];
  return `for (const [k, v] of Object.entries(${JSON.stringify(variables)}))
  document.documentElement.style.setProperty('--vscode-' + k, v);`;
}

/** Gives a page another theme, as VS Code does where a person takes another. */
export async function switchTheme(page: Page, theme: ThemeName): Promise<void> {
  await page.evaluate(`document.documentElement.removeAttribute('style');
    ${setVariables(theme)}
    document.body.className = ${JSON.stringify(themes[theme].bodyClass)};
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.codePointAt(0)!};`);
}

export const sampleFile = path.resolve(import.meta.dirname, '../../../../media/samples/fmnist_cnn.onnx');
export const branchesFile = path.resolve(
  import.meta.dirname,
  '../../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx',
);
export const transformerFile = path.resolve(
  import.meta.dirname,
  '../../../fixtures/models/mnist_transformer.onnx',
);

export function fileBytes(file: string): number {
  return readFileSync(file).length;
}
