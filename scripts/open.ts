/**
 * Entry of `npm start -- --open [MODEL.onnx]`: opens VS Code with the extension in it, on the model's folder or on a
 * copy of the samples: the desktop `code` where it is on the PATH, else a server and its address for the browser.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import { serve } from '../test/support/vscode-serve.ts';
import { projectRoot } from '../test/support/vscode-setup.ts';

const sampleModel = 'fmnist_cnn.onnx';

const [asked] = process.argv.slice(2);
const file = asked === undefined ? await sample() : path.resolve(asked);
if (!existsSync(file)) {
  console.error(`vram-lens: no such file: ${file}`);
  process.exit(2);
}
// VS Code is not asked to open the model at once: it would show it as text before it knows the extension
const isFolder = (await stat(file)).isDirectory();
const folder = isFolder ? file : path.dirname(file);
const next = isFolder ? 'Open a model there' : `Double-click ${path.basename(file)} there`;

if (hasDesktopCode()) {
  spawn('code', [`--extensionDevelopmentPath=${projectRoot}`, '--new-window', folder], { stdio: 'inherit' });
  console.log(`\nVS Code opens on ${folder}. ${next}.`);
} else {
  console.log(
    '\nNo desktop VS Code is found (`code` is not on the PATH): a VS Code server is started, for a browser.',
  );
  const serving = await serve(folder);
  const { port } = new URL(serving.url);
  console.log(`
VS Code with VRAM Lens is at

    ${serving.url}

${next}. The address works in a browser on this machine, until Ctrl-C ends it; from another machine, first let
\`ssh -L ${port}:127.0.0.1:${port} THIS_MACHINE\` forward the port.
To use a desktop VS Code: its command "Shell Command: Install 'code' command in PATH" makes it known here; or
\`npm run package\`, and "Extensions: Install from VSIX…" there.`);
  const stop = (): void => void serving.stop().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

/** A copy: what a person does to the sample must not change the project. */
async function sample(): Promise<string> {
  const copy = path.join(projectRoot, '.cache/samples');
  await cp(path.join(projectRoot, 'media/samples'), copy, { recursive: true, force: false });
  return path.join(copy, sampleModel);
}

function hasDesktopCode(): boolean {
  return (
    spawnSync('code', ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' }).status === 0
  );
}
