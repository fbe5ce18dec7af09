/** Entry: everything the tests in a real VS Code need (the server, a Chromium). Does nothing where it is all there. */
import { ensureChromium } from './vscode-browser.ts';
import { ensureServer } from './vscode-setup.ts';

try {
  ensureChromium();
  ensureServer();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
