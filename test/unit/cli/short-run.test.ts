import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const file = pathToFileURL(path.resolve(import.meta.dirname, '../../../src/cli/short-run.ts')).href;

describe('the settings of a short run', () => {
  it('are ones that this Node knows: V8 would say on stderr that it does not', () => {
    const script = `import { optimizeLate } from ${JSON.stringify(file)}; optimizeLate(); console.error('set');`;
    const args = ['--import=tsx', '--input-type=module', '-e', script];
    const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(stderr.trim(), 'set');
  });
});
