// What is bundled, from where to where, and how: a bundle for each world (see ARCHITECTURE.md).
import path from 'node:path';
import esbuild from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const shared = {
  absWorkingDir: root,
  bundle: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
};
/** A third of all code, for one question that few ask: a file of its own, so that the others start sooner. */
const rarelyUsed = 'systeminformation';
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${rarelyUsed}$`) }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${rarelyUsed}.cjs`, external: true },
    );
  },
};

const node = {
  ...shared,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
  // decoders of images, for the runtime worker
  loader: { '.wasm': 'binary' },
  plugins: [apart],
  // native modules, and what only the VS Code host has
  external: ['vscode', 'onnxruntime-node', 'onnxruntime-common', 'mocha', 'playwright-core'],
};

const browser = {
  ...shared,
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
};

/** `import code from './x.worker.ts?text'`: a web worker, bundled, as text; a webview may load none from a file. */
const workerText = {
  name: 'worker-text',
  setup({ initialOptions: { minify }, onResolve, onLoad }) {
    onResolve({ filter: /\.worker\.ts\?text$/ }, ({ path: name, resolveDir }) => ({
      path: path.join(resolveDir, name.slice(0, -'?text'.length)),
      namespace: 'worker-text',
    }));
    onLoad({ filter: /.*/, namespace: 'worker-text' }, async ({ path: file }) => {
      const options = {
        ...{ ...browser, entryPoints: [file], minify },
        ...{ sourcemap: false, write: false, metafile: true },
      };
      const { outputFiles, metafile } = await esbuild.build(options);
      const watchFiles = Object.keys(metafile.inputs).map((f) => path.join(root, f));
      return { contents: outputFiles[0].text, loader: 'text', watchFiles };
    });
  },
};

/** A thread of the extension host has no `vscode`: of it, it is given what its words need, and nothing else. */
const wordsOnly = {
  name: 'words-only',
  setup({ onResolve }) {
    onResolve({ filter: /^vscode$/ }, () => ({ path: path.join(root, 'extension/session/vscode.ts') }));
  },
};

/** What runs models: the extension asks for it (`await import`) when a model is to be run, and starts without it. */
const runtime = { entry: 'src/runtime/index.ts', file: 'runtime.cjs' };
const runtimeLater = {
  name: 'runtime-later',
  setup({ onResolve }) {
    onResolve({ filter: /\/runtime\/index\.ts$/ }, ({ kind, path: name, resolveDir }) =>
      kind === 'dynamic-import' && path.resolve(resolveDir, name) === path.join(root, runtime.entry)
        ? { path: `./${runtime.file}`, external: true }
        : undefined,
    );
  },
};
const host = { ...node, plugins: [...node.plugins, runtimeLater] };
const session = { ...node, plugins: [...node.plugins, wordsOnly] };

/** [entry, outfile, options] */
export const entries = [
  ['extension/main.ts', 'dist/extension.cjs', host],
  [runtime.entry, `dist/${runtime.file}`, node],
  ['extension/session/main.ts', 'dist/session-worker.cjs', session],
  ['src/cli/main.ts', 'dist/cli.cjs', { ...node, banner: { js: '#!/usr/bin/env node' } }],
  ['src/runtime/worker/main.ts', 'dist/runtime-worker.cjs', node],
  ['src/transforms/worker/main.ts', 'dist/transforms-worker.cjs', node],
  [rarelyUsed, `dist/${rarelyUsed}.cjs`, node],
  [
    'webview/main.tsx',
    'dist/webview/main.js',
    {
      ...browser,
      plugins: [workerText],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      loader: { '.ttf': 'file', '.svg': 'text' },
      assetNames: '[name]',
    },
  ],
];
export const testEntries = [['test/integration/index.ts', 'dist/test/integration.cjs', node]];
