// Type-aware lint for every folder, and the house's import rules (see ARCHITECTURE.md, "Rooms").

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
const errors = (...names) => Object.fromEntries(names.map((name) => [name, 'error']));

/** Beyond what is outright wrong (`correctness`). */
const javascript = errors(
  ...['eqeqeq', 'no-case-declarations', 'no-console', 'no-empty', 'no-fallthrough', 'no-prototype-builtins'],
  ...['no-regex-spaces', 'no-unexpected-multiline', 'no-useless-assignment', 'preserve-caught-error'],
);
/** The rest of typescript-eslint's strict, type-checked set. */
const typescript = {
  ...errors(
    ...['no-array-constructor', 'no-useless-constructor', 'no-var', 'prefer-const', 'prefer-rest-params'],
    'prefer-spread',
  ),
  ...errors(
    ...[
      ...['ban-ts-comment', 'consistent-type-imports', 'no-deprecated', 'no-dynamic-delete'],
      ...['no-empty-object-type', 'no-explicit-any', 'no-extraneous-class', 'no-invalid-void-type'],
      ...['no-misused-promises', 'no-mixed-enums', 'no-namespace', 'no-non-null-assertion'],
      ...['no-non-null-asserted-nullish-coalescing', 'no-require-imports', 'no-unsafe-function-type'],
      ...['no-unnecessary-boolean-literal-compare', 'no-unnecessary-template-expression'],
      ...['no-unnecessary-type-arguments', 'no-unnecessary-type-assertion', 'no-unnecessary-type-constraint'],
      ...['no-unnecessary-type-conversion', 'no-unnecessary-type-parameters', 'no-unsafe-argument'],
      ...['no-unsafe-assignment', 'no-unsafe-call', 'no-unsafe-enum-comparison', 'no-unsafe-member-access'],
      ...['no-unsafe-return', 'only-throw-error', 'prefer-literal-enum-member'],
      ...['prefer-promise-reject-errors', 'prefer-reduce-type-parameter', 'prefer-return-this-type'],
      ...['related-getter-setter-pairs', 'require-await', 'unified-signatures'],
      'use-unknown-in-catch-callback-variable',
    ].map((name) => `typescript/${name}`),
  ),
  'typescript/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
  'typescript/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
  'typescript/restrict-plus-operands': [
    'error',
    {
      ...{ allowAny: false, allowBoolean: false, allowNullish: false },
      ...{ allowNumberAndString: false, allowRegExp: false },
    },
  ],
  'typescript/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  'typescript/return-await': ['error', 'error-handling-correctness-only'],
};

export default {
  plugins: ['typescript', 'oxc'],
  categories: { correctness: 'error' },
  options: { typeAware: true },
  ignorePatterns: ['dist/', '.cache/', 'node_modules/', '.vscode-test/'],
  rules: javascript,
  overrides: [
    { files: ['**/*.ts', '**/*.tsx'], rules: typescript },
    { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], env: { node: true }, rules: errors('no-undef') },
    { files: ['src/cli/**', 'test/**', 'bench/**', 'scripts/**'], rules: { 'no-console': 'off' } },
    {
      files: ['test/**/*.{ts,tsx}', 'bench/**/*.ts', 'scripts/**/*.ts'],
      rules: {
        'typescript/no-floating-promises': [
          'error',
          {
            allowForKnownSafeCalls: [
              { from: 'package', name: ['describe', 'it', 'test'], package: 'node:test' },
            ],
          },
        ],
        'typescript/no-non-null-assertion': 'off',
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
        not(
          ['transforms', 'runtime', 'cli', 'extension', 'webview'],
          'src/analysis may import src/onnx only.',
        ),
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
    room(
      ['extension/**'],
      [noOrt, not(['webview'], 'extension/ speaks to webview/ by src/protocol.ts only.')],
    ),
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
  ],
};
