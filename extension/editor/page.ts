/** The HTML of the editor's page: a frame for the bundle, under a policy that lets nothing else in. */
import { randomBytes } from 'node:crypto';
import { env, Uri, type Webview } from 'vscode';
import type { Locale, PageInit } from '../../src/protocol.ts';

/** Where the page's files lie. */
export function pageRoot(extensionUri: Uri): Uri {
  return Uri.joinPath(extensionUri, 'dist', 'webview');
}

export function pageHtml(webview: Webview, extensionUri: Uri, viewState: PageInit['viewState']): string {
  const nonce = randomBytes(16).toString('base64');
  const url = (file: string): string =>
    webview.asWebviewUri(Uri.joinPath(pageRoot(extensionUri), file)).toString();
  const init: PageInit = { locale: locale(), viewState };
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data: blob:`,
    // the layout's worker, whose code comes in the script itself
    `worker-src blob:`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="${init.locale}">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<title>VRAM Lens</title>
<link rel="stylesheet" href="${escapeHtml(url('main.css'))}">
</head>
<body data-init="${escapeHtml(JSON.stringify(init))}">
<script nonce="${nonce}" src="${escapeHtml(url('main.js'))}"></script>
</body>
</html>`;
}

function locale(): Locale {
  return env.language.toLowerCase() === 'zh-cn' ? 'zh-cn' : 'en';
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.codePointAt(0) ?? 0};`);
}
