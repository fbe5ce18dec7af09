// Type-aware lint for every folder, and the house's import rules (see ARCHITECTURE.md, "Rooms").
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What a room must not import: `vscode`, native modules and rooms that are not below it. */
const room = (files, patterns, paths = []) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { paths, patterns }] },
});
const noVscode = { name: 'vscode', message: 'Only extension/ knows VS Code.' };
const noOrt = {
  regex: '^onnxruntime-(node|common)',
  message: 'Only src/runtime/worker/ loads ONNX Runtime, in a child process.',
};
const not = (rooms, message) => ({ regex: `(^|/)(${rooms.join('|')})(/|$)`, message });

export default tseslint.config(
  { ignores: ['dist/', '.cache/', 'node_modules/', '.vscode-test/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          'src/tsconfig.json',
          'extension/tsconfig.json',
          'webview/tsconfig.json',
          'test/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { process: 'readonly', require: 'readonly', module: 'writable' },
    },
  },
  {
    files: ['src/cli/**', 'test/**', 'bench/**', 'scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'test/**/*.tsx', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['describe', 'it', 'test'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  room(
    ['src/onnx/**'],
    [
      noOrt,
      not(
        ['analysis', 'transforms', 'runtime', 'cli', 'extension', 'webview'],
        'src/onnx imports no other room.',
      ),
    ],
    [noVscode],
  ),
  room(
    ['src/analysis/**'],
    [
      noOrt,
      not(['transforms', 'runtime', 'cli', 'extension', 'webview'], 'src/analysis may import src/onnx only.'),
    ],
    [noVscode],
  ),
  room(
    ['src/transforms/**'],
    [
      noOrt,
      not(
        ['runtime', 'cli', 'extension', 'webview'],
        'src/transforms may import src/onnx and src/analysis only.',
      ),
    ],
    [noVscode],
  ),
  room(
    ['src/runtime/**'],
    [
      noOrt,
      not(
        ['transforms', 'cli', 'extension', 'webview'],
        'src/runtime may import src/onnx and src/analysis only.',
      ),
    ],
    [noVscode],
  ),
  room(
    ['src/runtime/worker/**'],
    [
      not(
        ['transforms', 'cli', 'extension', 'webview'],
        'src/runtime may import src/onnx and src/analysis only.',
      ),
    ],
    [noVscode],
  ),
  room(['src/cli/**'], [noOrt, not(['extension', 'webview'], 'src/cli may import src only.')], [noVscode]),
  room(['extension/**'], [noOrt, not(['webview'], 'extension/ speaks to webview/ by src/protocol.ts only.')]),
  room(
    ['webview/**'],
    [
      noOrt,
      {
        regex: '(^|/)(onnx|analysis|transforms|runtime|cli|extension)/',
        message: 'webview/ knows src/protocol.ts only.',
      },
    ],
    [noVscode],
  ),
);
