/** What VS Code itself tells of the extension's start, in its report _Developer: Startup Performance_. */
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import * as vscode from 'vscode';
import { closeAll, copyOfSample, eventually, openEditor } from './host.ts';

/** `activate`, until the extension is active. */
const maxActivateMs = 50;
/**
 * With the loading of its code, which is not minified here and which the disk may still have to give; all of it together
 * in 50 ms of processor time is demanded in test/unit/extension/start.timing.test.ts.
 */
const maxStartMs = 150;

describe('The start of the extension, as VS Code tells it', function () {
  afterEach(closeAll);

  it('waits for what asks for it, and is short', async function () {
    await openEditor(await copyOfSample('start.onnx'));
    await vscode.commands.executeCommand('perfview.show');
    const row = await eventually('the report of VS Code', () => rowOf('vram-lens.vram-lens'));
    const [loadMs, activateMs, finishMs] = ['Load Code', 'Call Activate', 'Finish Activate'].map((column) => {
      const ms = Number(row.get(column));
      assert.ok(row.get(column) !== '' && ms >= 0, `${column}: ${String(row.get(column))}`);
      return ms;
    });
    const activationMs = (activateMs ?? NaN) + (finishMs ?? NaN);
    // wall time: of a machine with more to do than it has cores, a share
    const share = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
    const said = `load code ${loadMs} ms, activate ${activateMs} + ${finishMs} ms, ${share.toFixed(1)} for each core`;
    console.log(said);
    assert.equal(row.get('Eager'), 'false');
    // "api": a test asked for it
    assert.match(row.get('Event') ?? '', /^(onCustomEditor:vramLens\.editor|api)$/);
    assert.ok(activationMs <= maxActivateMs * share, said);
    assert.ok((loadMs ?? NaN) + activationMs <= maxStartMs * share, said);
  });
});

/** The extension's row of the report's table, by the heads of its columns; undefined as long as it is not there. */
function rowOf(id: string): ReadonlyMap<string, string> | undefined {
  const report = vscode.workspace.textDocuments.find((d) => d.uri.scheme === 'perf');
  const rows = (report?.getText() ?? '').split('\n').filter((line) => line.startsWith('| '));
  const cells = (line: string): string[] => line.split('|').map((cell) => cell.trim());
  const head = rows.find((line) => cells(line).includes('Call Activate'));
  const found = rows.find((line) => cells(line)[1] === id);
  if (head === undefined || found === undefined) return undefined;
  const values = cells(found);
  return new Map(cells(head).map((name, i) => [name, values[i] ?? '']));
}
