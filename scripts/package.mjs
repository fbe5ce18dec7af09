// Packs the extension: one VSIX per platform with only its own ONNX Runtime, and one without for all others.
// `npm run package [-- --target linux-x64 …] [--out FOLDER]`
import { createVSIX } from '@vscode/vsce';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, ensureDependencies, ensureNode, root } from './deps.mjs';

ensureNode();
ensureDependencies();

const binaries = 'node_modules/onnxruntime-node/bin/napi-v6';
/** VS Code's name of each platform and the folder of its binaries. */
const platforms = {
  'linux-x64': 'linux/x64',
  'linux-arm64': 'linux/arm64',
  'darwin-arm64': 'darwin/arm64',
  'win32-x64': 'win32/x64',
  'win32-arm64': 'win32/arm64',
};
/** The package for platforms that ONNX Runtime has no binary for: all but the accuracy check. */
const other = 'other';

const args = process.argv.slice(2);
const valueOf = (name) => args.flatMap((a, i) => (args[i - 1] === name ? [a] : []));
const out = path.resolve(root, valueOf('--out').at(0) ?? 'dist/packages');
const chosen = valueOf('--target');
const targets = chosen.length > 0 ? chosen : [...Object.keys(platforms), other];
const unknown = targets.filter((t) => t !== other && !(t in platforms));
if (unknown.length > 0) {
  console.error(
    `No such target: ${unknown.join(', ')}. There are: ${Object.keys(platforms).join(', ')}, ${other}.`,
  );
  process.exit(1);
}

build('--minify');
mkdirSync(out, { recursive: true });
const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
for (const target of targets) {
  const packagePath = path.join(out, `${name}-${version}${target === other ? '' : `-${target}`}.vsix`);
  const ignoreFile = path.join(out, `${target}.vscodeignore`);
  writeFileSync(ignoreFile, ignoreList(target));
  try {
    await createVSIX({
      cwd: root,
      packagePath,
      ignoreFile,
      allowMissingRepository: true,
      rewriteRelativeLinks: false,
      ...(target === other ? {} : { target }),
    });
  } finally {
    rmSync(ignoreFile, { force: true });
  }
  console.log(
    `${path.relative(root, packagePath)}  ${(statSync(packagePath).size / 2 ** 20).toFixed(1)} MiB`,
  );
}

/** The project's list, with the binaries of this platform only. */
function ignoreList(target) {
  const own = target === other ? undefined : `${binaries}/${platforms[target]}`;
  if (own !== undefined && !existsSync(path.join(root, own)))
    throw new Error(`${own} is missing: this version of onnxruntime-node has no binary for ${target}.`);
  const list = readFileSync(path.join(root, '.vscodeignore'), 'utf8');
  const all = '!node_modules/onnxruntime-node/bin/**';
  if (!list.includes(all)) throw new Error(`.vscodeignore has no line "${all}".`);
  return list.replace(all, own === undefined ? '' : `!${own}/**`);
}
