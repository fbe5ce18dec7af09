// `npm run test:packed`: packs the extension for this platform, installs the VSIX into a VS Code server, and runs the
// suite of test/integration against what was installed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build, ensureDependencies, ensureNode, root, runOrExit } from './deps.mjs';

ensureNode();
ensureDependencies();

const target = `${process.platform}-${process.arch}`;
const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const node = (file, ...args) => runOrExit(process.execPath, ['--import=tsx', file, ...args]);

node('scripts/package.mjs', '--target', target);
build('--tests');
node('test/support/setup-vscode.ts');
process.env.VSIX = path.join(root, 'dist/packages', `${name}-${version}-${target}.vsix`);
node('test/integration/run.ts');
