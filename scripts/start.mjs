// `npm start [-- MODEL.onnx] [--open]`: sets everything up, then runs the main job in the terminal, or in VS Code.
import { build, ensureDependencies, ensureNode, runOrExit } from './deps.mjs';

ensureNode();
ensureDependencies();
build();
const args = process.argv.slice(2);
if (args.includes('--open'))
  runOrExit(process.execPath, ['--import=tsx', 'scripts/open.ts', ...args.filter((a) => a !== '--open')]);
else runOrExit(process.execPath, ['dist/cli.cjs', 'demo', ...args]);
